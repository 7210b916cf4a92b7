"""The bank's early word of fraud: the owner is asked, or the money goes back."""

from typing import Any

from django.core import mail

from billing.models import GuaranteeRefund, OwnerNotice, Payment, Subscription
from licenses.models import License
from tests.flows.books import books_agree
from tests.flows.disputing import (
    decide,
    dispute,
    given_back,
    refund,
    sent_to_customer,
    status,
    warn,
)
from tests.shop import Shop


def test_what_the_owner_gives_back_after_a_late_warning_is_told(
    shop: Shop, payment: Payment, second_month: Payment, settings: Any
):
    settings.REFUND_FRAUD_WARNINGS = True
    decide(shop, dispute(shop, second_month), "lost")
    warn(shop, payment)

    refund(shop, payment)
    shop.settle()

    assert [one.subject for one in mail.outbox].count("$99 for Hare Pro is on its way back") == 1


def test_a_fraud_warning_asks_the_owner_until_it_is_settled(shop: Shop, payment: Payment):
    warn(shop, payment)
    (notice,) = OwnerNotice.objects.filter(key=f"fraud-warning:{payment.stripe_id}")
    assert notice.needs_him
    assert status() == License.Status.ACTIVE

    refund(shop, payment)
    shop.settle()
    notice.refresh_from_db()
    assert notice.closed_at is not None
    assert status() == License.Status.REVOKED
    books_agree(shop)


def test_a_fraud_warning_gives_that_payment_back_where_the_owner_wants_it(
    shop: Shop, payment: Payment, second_month: Payment, settings: Any
):
    settings.REFUND_FRAUD_WARNINGS = True

    for _ in range(2):
        warn(shop, second_month)

    assert given_back() == {payment.stripe_id: 0, second_month.stripe_id: 9900}
    assert shop.stripe_counts()["refund"] == 1
    assert status() == License.Status.REVOKED
    assert Subscription.objects.get().status == "canceled"
    assert GuaranteeRefund.objects.get().amount_cents == 9900
    assert "We have given back $99 for Hare Pro" in sent_to_customer()
    books_agree(shop)


def test_a_fraud_warning_after_the_end_asks_the_owner_even_so(
    shop: Shop, payment: Payment, second_month: Payment, settings: Any
):
    settings.REFUND_FRAUD_WARNINGS = True
    decide(shop, dispute(shop, second_month), "lost")

    warn(shop, payment)

    notice = OwnerNotice.objects.get(key=f"fraud-warning:{payment.stripe_id}")
    assert notice.closed_at is None
    assert given_back()[payment.stripe_id] == 0


def test_a_crash_before_any_write_of_a_fraud_warnings_refund_tells_the_same(
    shop: Shop, payment: Payment, settings: Any
):
    settings.REFUND_FRAUD_WARNINGS = True
    shop.standin.control("POST", "early_fraud_warnings", {"payment_intent": payment.stripe_id})
    shop.deliver()
    shop.fail_stripe("POST", "/v1/refunds", kind="reset", when="after", times=2)

    for _ in range(3):
        shop.settle()
        shop.advance(minutes=2)
    shop.settle()

    assert GuaranteeRefund.objects.get().amount_cents == 9900
    assert given_back() == {payment.stripe_id: 9900}
    books_agree(shop)
