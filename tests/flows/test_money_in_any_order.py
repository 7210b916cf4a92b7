"""Money that comes or goes while we look elsewhere: it ends with whom it belongs to."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from billing.guarantee import refundable_until, request_guarantee
from billing.ledger import cents_a_year
from billing.models import GuaranteeRefund, OwnerNotice, Payment, Subscription
from billing.refunding import open_refund_job
from licenses.models import Credential, Customer, License
from licenses.people import add_customer
from outbox.models import Mail
from tests.cards import FAILS_AT_RENEWAL, OTHER_GOOD
from tests.flows.at_stripe import pay_a_second_page, signed_in_buyer
from tests.flows.books import books_agree, pages
from tests.shop import Buyer, Shop

pytestmark = pytest.mark.django_db


def bought(shop: Shop, **options: Any) -> Subscription:
    Buyer(shop).buy("pro_monthly", **options)
    shop.settle()
    return Subscription.objects.get()


@pytest.mark.parametrize("order", ["created", "reversed"])
def test_a_refund_of_an_old_month_revokes_nobody_whose_renewal_was_not_heard_of(
    shop: Shop, order: str
):
    bought(shop)
    first = Payment.objects.get()
    shop.advance(days=32)
    shop.ask_stripe("POST", "/v1/refunds", f"payment_intent={first.stripe_id}")

    for delivery in shop.take(order=order):
        shop.post(delivery)
    shop.settle()

    assert not GuaranteeRefund.objects.exists()
    assert License.objects.get().status == "active"
    assert sorted(one.is_refunded for one in Payment.objects.all()) == [False, True]
    books_agree(shop)


def test_a_refund_of_an_old_month_revokes_nobody_while_the_renewals_events_are_held(shop: Shop):
    bought(shop)
    first = Payment.objects.get()
    shop.advance(days=32)
    held = shop.take()
    shop.ask_stripe("POST", "/v1/refunds", f"payment_intent={first.stripe_id}")
    shop.settle()
    assert License.objects.get().status == "active"

    for delivery in held:
        shop.post(delivery)
    shop.settle()

    assert not GuaranteeRefund.objects.exists()
    assert not shop.night().drift
    books_agree(shop)


def two_paid_pages(shop: Shop) -> Customer:
    """The second was paid first seen: the first is given back as the duplicate."""
    customer = add_customer(name="Company", email="dev@company.example")
    buyer = signed_in_buyer(shop, customer)
    first = buyer.pay(buyer.press_buy("pro_monthly")["Location"])
    shop.advance(seconds=5)
    buyer.client.get(pay_a_second_page(shop, customer))
    buyer.client.get(first)
    shop.settle()
    return customer


def test_what_was_given_back_as_a_second_one_is_at_peace_for_ever(shop: Shop):
    two_paid_pages(shop)
    assert not shop.night().drift
    kept = Subscription.objects.get(license__isnull=False)
    mails = set(Mail.objects.values_list("key", flat=True))

    shop.ask_stripe("DELETE", f"/v1/subscriptions/{kept.stripe_id}")
    shop.settle()
    shop.advance(days=1)
    assert not shop.night().drift

    assert License.objects.count() == Credential.objects.count() == 1
    new = set(Mail.objects.values_list("key", flat=True)) - mails
    assert {key.split(":")[0] for key in new} == {"ended"}


def test_what_was_given_back_as_a_second_one_takes_no_guarantee_from_the_first(shop: Shop):
    two_paid_pages(shop)
    kept = Subscription.objects.get(license__isnull=False)

    assert refundable_until(kept) == kept.payments.get().paid_at + timedelta(days=14)


def test_a_renewal_between_the_refund_and_the_cancellation_goes_back_too(shop: Shop):
    subscription = bought(shop)
    left = subscription.current_period_end - timezone.now() - timedelta(minutes=1)
    shop.advance(seconds=left.total_seconds())
    shop.settle()
    path = "/v1/subscriptions/"
    shop.fail_stripe("DELETE", path, kind="500", when="before", times=20)
    open_refund_job(subscription.pk, cause=GuaranteeRefund.Cause.OWNER, at=timezone.now())
    shop.work()
    for _ in range(30):
        shop.advance(minutes=10)
        shop.settle()

    assert [one.is_refunded for one in Payment.objects.all()] == [True, True]
    job = GuaranteeRefund.objects.get()
    assert job.state == GuaranteeRefund.State.DONE
    assert job.amount_cents == sum(one.amount_cents for one in Payment.objects.all())
    books_agree(shop)


def test_a_failure_that_stripe_keeps_under_the_key_stops_no_refund(shop: Shop):
    subscription = bought(shop)
    request_guarantee(subscription.pk, at=timezone.now())
    shop.fail_stripe("POST", "/v1/refunds", kind="500", when="during", times=1)
    for _ in range(4):
        shop.work()
        shop.advance(minutes=10)
    shop.settle()

    assert GuaranteeRefund.objects.get().state == GuaranteeRefund.State.DONE
    assert shop.stripe_counts()["refund"] == 1
    books_agree(shop)


def pay_after_the_end(shop: Shop) -> None:
    """The invoice of a renewal is still open when the subscription ends; then it is paid."""
    subscription = bought(shop, card=FAILS_AT_RENEWAL)
    shop.advance(days=31, hours=3)
    shop.settle()
    remote = shop.ask_stripe("GET", f"/v1/subscriptions/{subscription.stripe_id}")
    shop.ask_stripe("DELETE", f"/v1/subscriptions/{subscription.stripe_id}")
    shop.settle()
    path = "/v1/payment_methods/pm_card_visa/attach"
    card = shop.ask_stripe("POST", path, f"customer={remote['customer']}")["id"]
    shop.advance(minutes=5)
    path = f"/v1/invoices/{remote['latest_invoice']}/pay"
    shop.ask_stripe("POST", path, f"payment_method={card}")


def test_with_tax_a_payment_after_the_end_is_credited_with_its_tax(shop: Shop, settings: Any):
    settings.STRIPE_TAX = True
    shop.standin.control("POST", "tax", {"percent": 20})
    pay_after_the_end(shop)
    shop.settle()

    (note,) = pages(shop, "/v1/credit_notes")
    assert note["total"] == max(one.amount_cents for one in Payment.objects.all())
    assert [one.is_refunded for one in Payment.objects.order_by("paid_at")] == [False, True]


def test_a_disputed_payment_after_the_end_is_not_said_to_have_gone_back(shop: Shop):
    pay_after_the_end(shop)
    newest = pages(shop, "/v1/charges")[0]["payment_intent"]
    shop.standin.control("POST", "disputes", {"payment_intent": newest})
    shop.settle()

    notice = OwnerNotice.objects.get(key=f"late-payment:{newest}")
    assert "is disputed: the bank decides about it" in notice.text
    assert not Payment.objects.get(stripe_id=newest).refunds.exists()


@pytest.mark.parametrize("ending", ["unpaid", "past_due"])
def test_who_buys_anew_is_not_billed_for_the_unpaid_one_too(shop: Shop, ending: str):
    if ending == "unpaid":
        options = {"mode": "hold", "retries_exhausted": "unpaid"}
        shop.standin.control("POST", "webhooks", options)
    old = bought(shop, card=FAILS_AT_RENEWAL)
    shop.advance(days=31, hours=3)
    shop.settle()
    path = f"/v1/subscriptions/{old.stripe_id}"
    invoice = shop.ask_stripe("GET", path)["latest_invoice"]
    if ending == "unpaid":
        for _ in range(3):
            shop.advance(days=5)
            shop.settle()
    else:  # Stripe still tries when the grace is over
        Subscription.objects.update(past_due_since=timezone.now() - timedelta(days=22))
        License.objects.update(status="lapsed")
    old.refresh_from_db()
    assert (old.status, License.objects.get().status) == (ending, "lapsed")

    back = signed_in_buyer(shop, Customer.objects.get())
    card = OTHER_GOOD
    path = back.pay(back.press_buy("pro_monthly")["Location"], card=card)
    remote = shop.ask_stripe("GET", f"/v1/subscriptions/{old.stripe_id}")
    attach = "/v1/payment_methods/pm_card_visa/attach"
    card = shop.ask_stripe("POST", attach, f"customer={remote['customer']}")["id"]
    back.client.get(path)
    shop.ask_stripe("POST", f"/v1/invoices/{invoice}/pay", f"payment_method={card}")
    shop.settle()
    shop.advance(hours=1)
    shop.settle()

    statuses = Subscription.objects.order_by("created_at").values_list("status", flat=True)
    assert list(statuses) == ["canceled", "active"]
    assert License.objects.filter(status="active").count() == 1
    last = Payment.objects.get(invoice_id=invoice)
    assert last.is_refunded
    assert not shop.night().drift
    books_agree(shop)


def test_a_refund_of_an_unknown_month_revokes_nobody_who_paid_a_newer_one(shop: Shop):
    bought(shop)
    for _ in range(2):
        shop.advance(days=31, hours=3)
        shop.take()  # lost
    second = pages(shop, "/v1/charges")[1]["payment_intent"]
    shop.ask_stripe("POST", "/v1/refunds", f"payment_intent={second}")
    shop.settle()

    assert not GuaranteeRefund.objects.exists()
    assert License.objects.get().status == "active"
    refunded = Payment.objects.order_by("paid_at").values_list("stripe_id", flat=True)[1]
    assert refunded == second
    assert Payment.objects.count() == 3
    books_agree(shop)


def pay_with_a_good_card(shop: Shop, subscription: Subscription, invoice: str) -> None:
    remote = shop.ask_stripe("GET", f"/v1/subscriptions/{subscription.stripe_id}")
    attach = "/v1/payment_methods/pm_card_visa/attach"
    card = shop.ask_stripe("POST", attach, f"customer={remote['customer']}")["id"]
    shop.ask_stripe("POST", f"/v1/invoices/{invoice}/pay", f"payment_method={card}")


def test_a_retry_that_was_paid_just_before_he_bought_anew_goes_back_too(shop: Shop):
    old = bought(shop, card=FAILS_AT_RENEWAL)
    shop.advance(days=31, hours=3)
    shop.settle()
    path = f"/v1/subscriptions/{old.stripe_id}"
    invoice = shop.ask_stripe("GET", path)["latest_invoice"]
    Subscription.objects.update(past_due_since=timezone.now() - timedelta(days=22))
    License.objects.update(status="lapsed")
    back = signed_in_buyer(shop, Customer.objects.get())
    page = back.pay(back.press_buy("pro_monthly")["Location"], card=OTHER_GOOD)

    pay_with_a_good_card(shop, old, invoice)  # its webhook is late by some minutes
    shop.advance(minutes=3)
    back.client.get(page)
    shop.settle()
    shop.advance(hours=1)
    shop.settle()

    assert [one.invoice_id for one in Payment.objects.all() if one.is_refunded] == [invoice]
    assert Payment.objects.count() == 3
    books_agree(shop)


def test_money_after_the_end_is_told_to_the_customer_also_after_a_job(shop: Shop):
    old = bought(shop, card=FAILS_AT_RENEWAL)
    shop.advance(days=31, hours=3)
    shop.settle()
    invoice = shop.ask_stripe("GET", f"/v1/subscriptions/{old.stripe_id}")["latest_invoice"]
    open_refund_job(old.pk, cause=GuaranteeRefund.Cause.REPLACED, at=timezone.now())
    shop.settle()
    shop.advance(days=1)

    pay_with_a_good_card(shop, old, invoice)
    shop.settle()
    shop.advance(hours=1)
    shop.settle()

    late = Payment.objects.get(invoice_id=invoice)
    assert late.is_late
    assert late.is_refunded
    (refund,) = late.refunds.all()
    assert Mail.objects.get(key=f"refund:{refund.stripe_id}").to == ["dev@company.example"]


def test_a_grace_begins_anew_when_it_was_paid_in_between(shop: Shop):
    shop.standin.control("POST", "webhooks", {"mode": "hold", "retries_exhausted": "unpaid"})
    row = bought(shop, card=FAILS_AT_RENEWAL)
    while row.status != "unpaid":
        shop.advance(days=4)
        shop.settle()
        row.refresh_from_db()
    shop.advance(days=23)  # the next month's invoice; the old one stays open
    newest = shop.ask_stripe("GET", f"/v1/subscriptions/{row.stripe_id}")["latest_invoice"]
    if shop.ask_stripe("GET", f"/v1/invoices/{newest}")["status"] == "draft":
        shop.ask_stripe("POST", f"/v1/invoices/{newest}/finalize")
    pay_with_a_good_card(shop, row, newest)
    shop.settle()
    row.refresh_from_db()
    assert (row.status, License.objects.get().status) == ("active", "active")

    while row.status != "past_due":
        shop.advance(days=1)
        shop.settle()
        row.refresh_from_db()

    assert timezone.now() - row.past_due_since < timedelta(days=2)
    assert License.objects.get().status == "active"


def test_a_pause_is_no_renewal_and_no_income(shop: Shop):
    Buyer(shop).buy("pro_yearly")
    shop.settle()
    row = Subscription.objects.get()
    path = f"/v1/subscriptions/{row.stripe_id}"
    shop.ask_stripe("POST", path, "pause_collection[behavior]=void")
    shop.settle()
    row.refresh_from_db()
    before = row.current_period_end - timezone.now()
    assert cents_a_year(row, timezone.now()) > 0

    shop.advance(seconds=(before - timedelta(days=5)).total_seconds())
    shop.settle()
    assert not Mail.objects.filter(key__startswith="renews:").exists()

    shop.advance(days=6)
    shop.settle()
    row.refresh_from_db()
    assert cents_a_year(row, timezone.now()) == 0
