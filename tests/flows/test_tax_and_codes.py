"""The switches on what Checkout asks and takes: tax, merchant of record, promotion codes."""

from typing import Any

import pytest
from django.core import mail
from django.core.checks import run_checks
from django.test import Client
from django.utils import timezone

from billing.guarantee import NoGuarantee, refundable_until
from billing.models import GuaranteeRefund, OwnerNotice, Payment, StripeCustomer, Subscription
from licenses.models import License, User
from tests.flows.books import books_agree, pages
from tests.flows.changing import change
from tests.shop import Buyer, Shop


def press_refund(email: str = "dev@company.example") -> int:
    client = Client()
    client.force_login(User.objects.get(email=email))
    subscription = Subscription.objects.latest("pk")
    return client.post(f"/account/subscriptions/{subscription.pk}/refund/").status_code


def make_code(shop: Shop, code: str, percent: int, duration: str = "forever") -> None:
    coupon = shop.ask_stripe("POST", "/v1/coupons", f"percent_off={percent}&duration={duration}")
    shop.ask_stripe(
        "POST",
        "/v1/promotion_codes",
        f"code={code}&promotion[type]=coupon&promotion[coupon]={coupon['id']}",
    )


@pytest.fixture
def taxed(shop: Shop, settings: Any) -> Shop:
    """Stripe Tax is on, at 20 %."""
    settings.STRIPE_TAX = True
    shop.standin.control("POST", "tax", {"percent": 20})
    return shop


def test_all_switches_are_off_by_default(shop: Shop):
    Buyer(shop).press_buy("pro_monthly")

    session = shop.newest_session()
    assert session["automatic_tax"]["enabled"] is False
    assert session["allow_promotion_codes"] is None
    assert not (session["managed_payments"] or {}).get("enabled")
    assert session["billing_address_collection"] is None


def test_tax_asks_for_address_and_tax_id_and_is_paid_on_top(taxed: Shop):
    Buyer(taxed).buy("pro_monthly")
    taxed.settle()

    session = taxed.newest_session()
    assert session["automatic_tax"]["enabled"] is True
    assert session["billing_address_collection"] == "required"
    assert session["tax_id_collection"]["enabled"] is True
    assert Payment.objects.get().amount_cents == 11880
    assert License.objects.get().status == License.Status.ACTIVE
    books_agree(taxed)


def test_tax_works_for_a_customer_that_stripe_knows(taxed: Shop):
    buyer = Buyer(taxed)
    buyer.buy("pro_monthly")
    taxed.settle()
    assert press_refund() == 302
    taxed.settle()
    buyer.client.force_login(User.objects.get(email="dev@company.example"))

    assert buyer.press_buy("pro_yearly").status_code == 303

    known = StripeCustomer.objects.get()
    assert taxed.newest_session()["customer"] == known.stripe_id


@pytest.mark.parametrize("is_heard", [True, False])
def test_a_renewal_that_cannot_be_billed_is_told_until_it_is(taxed: Shop, is_heard: bool):
    Buyer(taxed).buy("pro_monthly")
    taxed.settle()
    path = f"/v1/customers/{StripeCustomer.objects.get().stripe_id}"
    taxed.ask_stripe("POST", path, "address=")

    end = Subscription.objects.get().current_period_end
    taxed.advance(seconds=(end - timezone.now()).total_seconds() + 60)
    taxed.settle()  # a draft, so far
    assert not OwnerNotice.objects.exists()
    taxed.advance(hours=2)
    if is_heard:
        taxed.settle()
    else:
        taxed.take()
        assert "unbilled" in taxed.night(events=False).drift.popitem()[1]

    (draft,) = pages(taxed, "/v1/invoices?status=draft")
    notice = OwnerNotice.objects.get(needs_him=True)
    assert draft["id"] in notice.text
    assert "location isn't recognized" in notice.text
    assert not taxed.night().drift

    address = "address[country]=US&address[postal_code]=94110"
    taxed.ask_stripe("POST", path, address)
    taxed.ask_stripe("POST", f"/v1/invoices/{draft['id']}/finalize")
    taxed.ask_stripe("POST", f"/v1/invoices/{draft['id']}/pay")
    taxed.settle()
    notice.refresh_from_db()
    assert notice.closed_at is not None
    assert Payment.objects.count() == 2
    books_agree(taxed)


def test_a_renewal_that_could_not_be_billed_needs_nobody_once_all_has_ended(taxed: Shop):
    Buyer(taxed).buy("pro_monthly")
    taxed.settle()
    taxed.ask_stripe("POST", f"/v1/customers/{StripeCustomer.objects.get().stripe_id}", "address=")
    taxed.advance(days=32)
    taxed.settle()
    assert OwnerNotice.objects.filter(key__startswith="unbilled:", closed_at=None).exists()

    taxed.ask_stripe("DELETE", f"/v1/subscriptions/{Subscription.objects.get().stripe_id}")
    taxed.settle()

    assert not OwnerNotice.objects.filter(needs_him=True, closed_at=None).exists()
    assert not taxed.night(events=False).drift


def test_with_tax_a_refund_is_a_credit_note_and_gives_the_tax_back(taxed: Shop):
    Buyer(taxed).buy("pro_monthly")
    taxed.settle()

    assert press_refund() == 302
    taxed.settle()

    (note,) = pages(taxed, "/v1/credit_notes")
    assert (note["total"], note["metadata"]["cause"]) == (11880, "guarantee")
    assert taxed.stripe_counts()["refund"] == 1
    assert GuaranteeRefund.objects.get().amount_cents == 11880
    assert Payment.objects.get().refunded_cents == 11880
    books_agree(taxed)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["500", "reset"])
def test_a_credit_note_is_made_once_whatever_fails(taxed: Shop, kind: str, when: str):
    Buyer(taxed).buy("pro_monthly")
    taxed.settle()
    taxed.fail_stripe("POST", "/v1/credit_notes", kind=kind, when=when, times=2)

    press_refund()
    for _ in range(3):
        taxed.settle()
        taxed.advance(minutes=2)
    taxed.settle()

    assert GuaranteeRefund.objects.get().state == "done"
    assert len(pages(taxed, "/v1/credit_notes")) == taxed.stripe_counts()["refund"] == 1
    books_agree(taxed)


def test_with_tax_what_was_refunded_in_part_before_is_credited_for_the_rest(taxed: Shop):
    Buyer(taxed).buy("pro_monthly")
    taxed.settle()
    payment = Payment.objects.get()
    taxed.ask_stripe("POST", "/v1/refunds", f"payment_intent={payment.stripe_id}&amount=1880")
    taxed.settle()

    press_refund()
    taxed.settle()

    assert [note["total"] for note in pages(taxed, "/v1/credit_notes")] == [10000]
    assert payment.refunded_cents == 11880
    books_agree(taxed)


def test_with_tax_a_disputed_payment_is_left_to_the_dispute(taxed: Shop):
    Buyer(taxed).buy("pro_monthly")
    taxed.settle()
    payment = Payment.objects.get()
    taxed.standin.control("POST", "disputes", {"payment_intent": payment.stripe_id})

    press_refund()
    taxed.settle()

    job = GuaranteeRefund.objects.get()
    assert (job.state, job.amount_cents) == ("done", 0)
    assert pages(taxed, "/v1/credit_notes") == []


def test_managed_payments_are_asked_for_and_nothing_of_tax_with_them(shop: Shop, settings: Any):
    settings.STRIPE_MANAGED_PAYMENTS = True

    assert Buyer(shop).press_buy("pro_monthly").status_code == 303

    session = shop.newest_session()
    assert session["managed_payments"]["enabled"] is True
    assert session["automatic_tax"]["enabled"] is False


def test_tax_and_managed_payments_together_stop_the_deploy(settings: Any):
    settings.STRIPE_TAX = True
    assert not [error for error in run_checks() if error.id == "wheelbarrow.E050"]

    settings.STRIPE_MANAGED_PAYMENTS = True

    (error,) = [error for error in run_checks() if error.id == "wheelbarrow.E050"]
    assert "both on" in error.msg


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


@pytest.mark.parametrize("then", ["comes", "is undone"])
def test_a_planned_change_keeps_code_tax_and_card(taxed: Shop, settings: Any, then: str):
    """Stripe's phases replace what they do not name."""
    settings.ALLOW_PROMOTION_CODES = True
    make_code(taxed, "HARE25", 25)
    Buyer(taxed).buy("enterprise_monthly", 4, code="HARE25")
    taxed.settle()
    subscription = Subscription.objects.get()

    change(subscription, "enterprise_monthly", 2)
    taxed.settle()
    if then == "is undone":
        client = Client()
        client.force_login(User.objects.get(email="dev@company.example"))
        client.post(f"/account/subscriptions/{subscription.pk}/keep/")
    blocks = 2 if then == "comes" else 4
    for paid in (2, 3):
        taxed.advance(days=32)
        taxed.settle()
        assert Subscription.objects.get().status == "active"
        assert Payment.objects.count() == paid
        assert Payment.objects.latest("pk").amount_cents == blocks * 26900 * 0.75 * 1.2
    books_agree(taxed)
