"""Stripe Tax and Managed Payments: off by default, each switched on by itself."""

from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import Client
from django.utils import timezone

from billing.models import GuaranteeRefund, OwnerNotice, Payment, StripeCustomer, Subscription
from licenses.models import License, User
from tests.flows.books import books_agree, pages
from tests.flows.changing import change
from tests.flows.codes import make_code, press_refund
from tests.shop import Buyer, Shop


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
