"""Promotion codes: what they lower, and what the mails say then."""

from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from billing.guarantee import NoGuarantee, refundable_until
from billing.models import GuaranteeRefund, Payment, Subscription
from licenses.models import License
from tests.flows.books import books_agree
from tests.flows.changing import change
from tests.flows.codes import make_code, press_refund
from tests.shop import Buyer, Shop


def test_without_the_switch_nobody_can_type_a_code(shop: Shop):
    make_code(shop, "FRIEND", 20)

    Buyer(shop).buy("pro_monthly", code="FRIEND")
    shop.settle()

    assert Payment.objects.get().amount_cents == 9900


def test_a_code_of_20_percent_lowers_the_price_and_the_refund(shop: Shop, settings: Any):
    settings.ALLOW_PROMOTION_CODES = True
    make_code(shop, "FRIEND", 20)
    Buyer(shop).buy("pro_monthly", code="FRIEND")
    shop.settle()
    assert Payment.objects.get().amount_cents == 7920
    assert License.objects.get().status == License.Status.ACTIVE

    assert press_refund() == 302
    shop.settle()

    assert GuaranteeRefund.objects.get().amount_cents == 7920
    books_agree(shop)


def test_a_code_of_100_percent_grants_and_its_guarantee_gives_nothing_back(shop, settings):
    settings.ALLOW_PROMOTION_CODES = True
    make_code(shop, "GIFT", 100)
    Buyer(shop).buy("pro_monthly", code="GIFT")
    shop.settle()
    assert shop.newest_session()["payment_status"] == "no_payment_required"
    assert not Payment.objects.exists()
    assert License.objects.get().status == License.Status.ACTIVE

    assert press_refund() == 302
    shop.settle()

    job = GuaranteeRefund.objects.get()
    assert (job.state, job.amount_cents) == ("done", 0)
    assert License.objects.get().status == License.Status.REVOKED
    assert Subscription.objects.get().status == "canceled"
    told = [sent for sent in mail.outbox if sent.subject == "Hare Pro is canceled"]
    assert len(told) == 1
    assert "nothing comes back" in told[0].body
    books_agree(shop)


def test_the_guarantee_of_a_free_purchase_ends_after_14_days(shop: Shop, settings: Any):
    settings.ALLOW_PROMOTION_CODES = True
    make_code(shop, "GIFT", 100)
    Buyer(shop).buy("pro_monthly", code="GIFT")
    shop.settle()

    shop.advance(days=15)

    assert press_refund() == 409


def test_a_month_for_nothing_then_paid_has_no_second_guarantee(shop: Shop, settings: Any):
    settings.ALLOW_PROMOTION_CODES = True
    make_code(shop, "MONTH", 100, "once")
    Buyer(shop).buy("pro_monthly", code="MONTH")
    shop.settle()

    shop.advance(days=32)
    shop.settle()

    assert Payment.objects.get().amount_cents == 9900
    with pytest.raises(NoGuarantee, match="not a purchase by card"):
        refundable_until(Subscription.objects.get())
    books_agree(shop)


def days_before_the_end(shop: Shop, days: int) -> None:
    end = Subscription.objects.get().current_period_end
    shop.advance(seconds=(end - timezone.now()).total_seconds() - days * 86400 + 60)
    shop.settle()


@pytest.mark.parametrize(("duration", "renewal"), [("forever", "$796"), ("once", "$995")])
def test_what_the_mails_say_is_what_is_charged(
    shop: Shop, settings: Any, duration: str, renewal: str
):
    settings.ALLOW_PROMOTION_CODES = True
    make_code(shop, "FRIEND", 20, duration)
    Buyer(shop).buy("pro_yearly", code="FRIEND")
    shop.settle()
    (welcome,) = mail.outbox
    assert "with your discount the first year costs $796" in welcome.body
    assert Payment.objects.get().amount_cents == 79600

    days_before_the_end(shop, 30)
    assert f"for {renewal} per year" in mail.outbox[-1].body
    assert "before your discount" not in mail.outbox[-1].body

    shop.advance(days=32)
    shop.settle()
    assert Payment.objects.latest("paid_at").amount == renewal
    books_agree(shop)


def test_a_renewal_at_another_price_is_told_before_the_discount(shop: Shop, settings: Any):
    settings.ALLOW_PROMOTION_CODES = True
    make_code(shop, "FRIEND", 20)
    Buyer(shop).buy("enterprise_yearly", 3, code="FRIEND")
    shop.settle()
    change(Subscription.objects.get(), "enterprise_yearly", 2)
    shop.settle()

    days_before_the_end(shop, 30)

    assert "and before your discount" in mail.outbox[-1].body


def test_without_a_discount_stripe_is_asked_for_no_preview(shop: Shop):
    Buyer(shop).buy("pro_yearly")
    shop.settle()

    assert Subscription.objects.get().discounted_cents is None
    assert "discount" not in mail.outbox[-1].body
