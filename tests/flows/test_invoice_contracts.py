"""Invoices for the big: signed, paid, overdue, never paid."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from billing.contracts import sign_contract
from billing.models import OwnerNotice, Payment, Subscription
from lib.times import from_unix
from licenses.models import License
from tests.flows.books import books_agree
from tests.flows.contracts import advance_days, agree, pay, remote
from tests.shop import Shop


def subjects(address: str) -> list[str]:
    return [sent.subject for sent in mail.outbox if sent.to == [address]]


def test_a_contract_is_a_subscription_paid_by_invoice_and_by_card_only(shop: Shop):
    contract = agree(days_until_due=45, reference="PO-77")

    shop.settle()

    there = remote(shop)
    assert there["collection_method"] == "send_invoice"
    assert there["days_until_due"] == 45
    assert there["payment_settings"]["payment_method_types"] == ["card"]
    assert there["metadata"] == {"contract": str(contract.public_id)}
    assert there["description"] == "Purchase order PO-77"
    assert there["items"]["data"][0]["quantity"] == 10
    contract.refresh_from_db()
    assert contract.subscription == Subscription.objects.get()
    assert contract.subscription.is_by_invoice
    books_agree(shop)


def test_active_at_stripe_grants_nothing_before_the_invoice_is_paid(shop: Shop):
    agree()
    shop.settle()
    shop.advance(hours=2)
    shop.settle()
    assert Subscription.objects.get().status == "active"
    assert not License.objects.exists()

    pay(shop)

    license = License.objects.get()
    assert (license.threads, license.status) == (1000, "active")
    assert license.source == f"stripe:{Subscription.objects.get().stripe_id}"
    assert Payment.objects.get().amount_cents == 10 * 229000
    assert subjects("boss@big.example") == ["Hare Enterprise is yours: how to install it"]
    assert "14 days" not in mail.outbox[0].body
    books_agree(shop)


def test_a_signed_contract_grants_at_once(shop: Shop):
    agree(grant_on="signature", signed_at=timezone.now())

    shop.settle()

    license = License.objects.get()
    assert (license.threads, license.status) == (1000, "active")
    assert license.paid_through == Subscription.objects.get().current_period_end
    assert not Payment.objects.exists()
    books_agree(shop)


def test_a_contract_that_grants_on_signature_waits_for_it(shop: Shop):
    contract = agree(grant_on="signature")
    advance_days(shop, 2)
    assert shop.stripe_counts().get("subscription", 0) == 0

    sign_contract(contract.pk, at=timezone.now())
    sign_contract(contract.pk, at=timezone.now() + timedelta(days=1))
    shop.settle()

    assert License.objects.get().status == License.Status.ACTIVE
    contract.refresh_from_db()
    assert contract.signed_at <= timezone.now()


def test_a_payment_after_the_signature_changes_no_right(shop: Shop):
    agree(grant_on="signature", signed_at=timezone.now())
    shop.settle()
    before = License.objects.get()
    shop.advance(days=5)
    shop.settle()

    pay(shop)

    after = License.objects.get()
    assert (after.rev, after.paid_through) == (before.rev, before.paid_through)
    assert len(subjects("boss@big.example")) == 1
    books_agree(shop)


def test_an_overdue_invoice_is_chased_and_lapses_after_the_grace(shop: Shop):
    agree(grant_on="signature", signed_at=timezone.now())
    shop.settle()

    advance_days(shop, 31)
    assert Subscription.objects.get().status == "past_due"
    assert License.objects.get().status == License.Status.ACTIVE
    told = "The invoice for Hare Enterprise is overdue"
    assert subjects("boss@big.example").count(told) == 1
    assert "has not paid the invoice" in OwnerNotice.objects.get().text

    advance_days(shop, 19)
    assert License.objects.get().status == License.Status.ACTIVE
    advance_days(shop, 3)
    assert License.objects.get().status == License.Status.LAPSED
    reminders = [one for one in subjects("boss@big.example") if one.startswith("Still unpaid")]
    assert len(reminders) == 4
    assert OwnerNotice.objects.count() == 1

    pay(shop)
    assert License.objects.get().status == License.Status.ACTIVE


def test_a_contract_never_paid_is_chased_without_ever_granting(shop: Shop):
    agree()
    shop.settle()

    advance_days(shop, 32)

    assert not License.objects.exists()
    assert subjects("boss@big.example") == ["The invoice for Hare Enterprise is overdue"]
    (told,) = [sent for sent in mail.outbox if sent.to == ["boss@big.example"]]
    assert "Your license begins when it is paid." in told.body


def test_a_monthly_contract_never_paid_lapses_though_each_month_brings_a_newer_invoice(shop: Shop):
    agree("enterprise_monthly", 10, grant_on="signature", signed_at=timezone.now())
    shop.settle()
    for _ in range(9):
        shop.advance(days=7)
        shop.settle()

    invoices = shop.ask_stripe("GET", "/v1/invoices?status=open")["data"]
    oldest = min(invoice["due_date"] for invoice in invoices)
    row = Subscription.objects.get()
    assert len(invoices) > 1
    assert (row.status, row.past_due_since) == ("past_due", from_unix(oldest))
    assert License.objects.get().status == License.Status.LAPSED
    assert not shop.night().drift


@pytest.mark.parametrize("end", ["canceled", "unpaid"])
def test_what_stripe_ends_ends_the_license(shop: Shop, end: str):
    agree(grant_on="signature", signed_at=timezone.now())
    shop.settle()
    stripe_id = remote(shop)["id"]

    if end == "canceled":
        shop.ask_stripe("DELETE", f"/v1/subscriptions/{stripe_id}")
    else:
        shop.standin.control("POST", f"objects/{stripe_id}", {"status": "unpaid"})
    shop.settle()

    assert License.objects.get().status == License.Status.LAPSED
