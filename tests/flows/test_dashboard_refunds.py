"""Money that the owner gives back in the Dashboard: in whole, in part, pending, failed."""

from datetime import timedelta

from django.core import mail
from django.utils import timezone

from billing.guarantee import request_guarantee
from billing.models import GuaranteeRefund, Payment, Refund, Subscription
from licenses.models import License
from tests.flows.books import books_agree
from tests.flows.disputing import (
    given_back,
    notices,
    refund,
    sent_to_customer,
    status,
)
from tests.shop import Buyer, Shop


def test_a_full_refund_in_the_dashboard_cancels_and_revokes(shop: Shop, payment: Payment):
    refund(shop, payment)
    shop.settle()

    assert status() == License.Status.REVOKED
    assert Subscription.objects.get().status == "canceled"
    assert GuaranteeRefund.objects.get().cause == "dashboard"
    assert shop.stripe_counts()["refund"] == 1
    books_agree(shop)


def test_partial_refunds_are_recorded_and_revoke_only_when_all_is_back(shop, payment):
    refund(shop, payment, 4000)
    shop.settle()
    assert status() == License.Status.ACTIVE
    assert payment.refunded_cents == 4000
    books_agree(shop)

    refund(shop, payment, 5900)
    shop.settle()
    assert Refund.objects.count() == 2
    assert status() == License.Status.REVOKED
    books_agree(shop)


def test_the_first_refund_told_again_changes_nothing(shop: Shop, payment: Payment):
    refund(shop, payment, 4000)
    told = shop.take()
    for _ in range(3):
        for delivery in told:
            assert shop.post(delivery) == 200
        shop.work()

    assert Refund.objects.count() == 1
    assert status() == License.Status.ACTIVE


def test_a_refund_that_fails_leaves_access_ended_and_tells_the_owner(shop, payment):
    shop.standin.control("POST", "refunds", {"next": "pending"})
    request_guarantee(payment.subscription.pk, at=timezone.now())
    shop.settle()
    row = Refund.objects.get()
    assert (row.status, status()) == ("pending", License.Status.REVOKED)

    shop.standin.control(
        "POST", f"refunds/{row.stripe_id}",
        {"status": "failed", "failure_reason": "lost_or_stolen_card"},
    )  # fmt: skip
    shop.settle()

    row.refresh_from_db()
    assert (row.status, status()) == ("failed", License.Status.REVOKED)
    assert any("failed (lost_or_stolen_card)" in text for text in notices())


def test_a_refund_event_that_comes_before_its_purchase_is_not_lost(shop: Shop):
    buyer = Buyer(shop)
    buyer.pay(buyer.press_buy("pro_monthly")["Location"])
    intent = shop.ask_stripe("GET", "/v1/payment_intents?limit=1")["data"][0]["id"]
    shop.ask_stripe("POST", "/v1/refunds", f"payment_intent={intent}")
    told = shop.take()
    first = [one for one in told if one["type"].startswith(("refund", "charge.refunded"))]

    for delivery in first:
        assert shop.post(delivery) == 200
    shop.work()
    shop.clock.move_to(timezone.now() + timedelta(minutes=1))
    shop.settle()

    assert status() == License.Status.REVOKED
    assert Refund.objects.count() == 1


def test_a_month_refunded_in_the_dashboard_takes_no_other_months_money(
    shop: Shop, payment: Payment, second_month: Payment
):
    refund(shop, second_month)
    shop.settle()

    assert given_back() == {payment.stripe_id: 0, second_month.stripe_id: 9900}
    assert status() == License.Status.REVOKED
    assert Subscription.objects.get().status == "canceled"
    assert "We have given back $99 for Hare Pro" in sent_to_customer()
    books_agree(shop)


def test_what_the_owner_gives_back_after_the_job_is_told_once_too(
    shop: Shop, payment: Payment, second_month: Payment
):
    refund(shop, second_month)
    shop.settle()
    shop.advance(minutes=5)

    refund(shop, payment)
    for _ in range(2):
        shop.settle()

    assert given_back() == {payment.stripe_id: 9900, second_month.stripe_id: 9900}
    told = [one.subject for one in mail.outbox if "on its way back" in one.subject]
    assert told == [
        "Your money for Hare Pro is on its way back",
        "$99 for Hare Pro is on its way back",
    ]
    books_agree(shop)
