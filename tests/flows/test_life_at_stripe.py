"""What the owner, the bank and the cardholder do at Stripe, and what follows here."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from billing.customers import ensure_stripe_customer
from billing.models import (
    Cart,
    GuaranteeRefund,
    OwnerNotice,
    Payment,
    Price,
    StripeCustomer,
    StripeEvent,
    Subscription,
)
from licenses.models import Customer, License, User
from licenses.people import add_customer
from tests.flows.books import books_agree
from tests.flows.test_refunds_and_disputes import decide, dispute
from tests.shop import Buyer, Shop

FAILS_AT_RENEWAL = "4000000000000341"
ASKS_EVERY_TIME = "4000002760003184"


def bought(
    shop: Shop, lookup_key: str = "pro_monthly", quantity: int = 1, **options: Any
) -> Subscription:
    Buyer(shop).buy(lookup_key, quantity, **options)
    shop.settle()
    return Subscription.objects.get()


def at_stripe(shop: Shop, subscription: Subscription, form: str) -> None:
    shop.ask_stripe("POST", f"/v1/subscriptions/{subscription.stripe_id}", form)
    shop.settle()


def signed_in_buyer(shop: Shop, customer: Customer) -> Buyer:
    buyer = Buyer(shop)
    buyer.client.force_login(customer.contacts.get().user)
    return buyer


def subjects() -> list[str]:
    return [sent.subject for sent in mail.outbox]


def test_two_browsers_of_one_account_end_with_one_subscription(shop: Shop):
    """Both pages are open when the first is paid; the second is given back and ended."""
    customer = add_customer(name="Company", email="dev@company.example")
    one, two = signed_in_buyer(shop, customer), signed_in_buyer(shop, customer)
    first = one.press_buy("pro_monthly")["Location"]
    second = two.press_buy("pro_yearly")["Location"]  # closes the first page

    from tests.standin.process import NotPaidError

    with pytest.raises(NotPaidError):
        one.pay(first)
    two.client.get(two.pay(second))
    shop.settle()

    assert License.objects.count() == 1
    books_agree(shop)


def test_two_paid_pages_of_one_account_leave_one_subscription(shop: Shop):
    """The pages were opened at the same instant, so neither closed the other."""
    customer = add_customer(name="Company", email="dev@company.example")
    one = signed_in_buyer(shop, customer)
    path = one.pay(one.press_buy("pro_monthly")["Location"])
    second_path = pay_a_second_page(shop, customer)
    one.client.get(path)
    page = one.client.get(second_path).content.decode()
    shop.settle()

    assert "You have Hare already" in page
    assert License.objects.count() == 1
    job = GuaranteeRefund.objects.get()
    assert (job.cause, job.state, job.amount_cents) == ("duplicate", "done", 99500)
    assert sorted(Subscription.objects.values_list("status", flat=True)) == ["active", "canceled"]
    assert License.objects.get().status == License.Status.ACTIVE
    books_agree(shop)


def pay_a_second_page(shop: Shop, customer: Customer) -> str:
    """As a second server process would have made it before it saw the first cart's payment."""
    from billing.carts import Click, open_cart
    from billing.checkout import _open_session
    from billing.models import Price

    click = Click("m" * 32, Price.objects.get(lookup_key="pro_yearly"), 1)
    cart = open_cart(click, customer=customer, at=timezone.now())
    return Buyer(shop).pay(_open_session(cart))


def test_a_quantity_changed_in_the_dashboard_is_licensed_once_it_is_paid(shop: Shop):
    subscription = bought(shop, "enterprise_monthly", 1)
    item = shop.ask_stripe("GET", f"/v1/subscriptions/{subscription.stripe_id}")["items"]["data"][0]

    at_stripe(
        shop, subscription,
        f"items[0][id]={item['id']}&items[0][quantity]=4&proration_behavior=always_invoice",
    )  # fmt: skip

    assert License.objects.get().threads == 400
    books_agree(shop)


def test_a_quantity_raised_without_money_is_not_licensed(shop: Shop):
    subscription = bought(shop, "enterprise_monthly", 1)
    item = shop.ask_stripe("GET", f"/v1/subscriptions/{subscription.stripe_id}")["items"]["data"][0]

    at_stripe(
        shop, subscription,
        f"items[0][id]={item['id']}&items[0][quantity]=4&proration_behavior=none",
    )  # fmt: skip

    assert Subscription.objects.get().quantity == 4
    assert License.objects.get().threads == 100


def test_a_cancel_date_set_in_the_dashboard_is_kept(shop: Shop):
    subscription = bought(shop)
    at = int((timezone.now() + timedelta(days=5)).timestamp())

    at_stripe(shop, subscription, f"cancel_at={at}")
    shop.clock.move_to(timezone.now() + timedelta(days=6))
    shop.work()

    assert License.objects.get().status == License.Status.LAPSED


@pytest.mark.parametrize("behavior", ["void", "keep_as_draft", "mark_uncollectible"])
def test_a_paused_collection_serves_what_was_paid_and_no_longer(shop: Shop, behavior: str):
    subscription = bought(shop)
    paid_through = License.objects.get().paid_through

    at_stripe(shop, subscription, f"pause_collection[behavior]={behavior}")

    assert License.objects.get().status == License.Status.ACTIVE
    notice = OwnerNotice.objects.get(key__startswith="paused:", needs_him=True)
    for _ in range(3):
        shop.advance(days=31)
        shop.settle()
    license = License.objects.get()
    assert (license.status, license.paid_through) == (License.Status.LAPSED, paid_through)
    assert Payment.objects.count() == 1
    assert subjects().count("Your license of Hare Pro has ended") == 1
    notice.refresh_from_db()
    assert notice.closed_at is None
    assert not shop.night().drift


def test_who_buys_anew_while_his_old_one_is_paused_pays_for_one(shop: Shop):
    """Collection of the old one may go on by the owner's hand, or by a date at Stripe."""
    subscription = bought(shop)
    at_stripe(shop, subscription, "pause_collection[behavior]=void")
    shop.advance(days=31)
    shop.settle()
    assert License.objects.get().status == License.Status.LAPSED

    signed_in_buyer(shop, Customer.objects.get()).buy("pro_monthly")
    shop.settle()
    shop.advance(days=32)
    shop.settle()

    assert sorted(Subscription.objects.values_list("status", flat=True)) == ["active", "canceled"]
    assert License.objects.filter(status=License.Status.ACTIVE).count() == 1
    assert Payment.objects.count() == 3
    assert OwnerNotice.objects.get(key__startswith="paused:").closed_at is not None
    books_agree(shop)


@pytest.mark.parametrize("is_status", [False, True])
def test_a_pause_ends_by_the_clock_when_stripe_is_silent(shop: Shop, is_status: bool):
    subscription = bought(shop)
    if is_status:  # as after a trial without a card
        path = f"objects/{subscription.stripe_id}"
        shop.standin.control("POST", path, {"status": "paused"})
        shop.settle()
    else:
        at_stripe(shop, subscription, "pause_collection[behavior]=void")
    assert OwnerNotice.objects.filter(key__startswith="paused:").count() == 1
    paid_through = License.objects.get().paid_through

    shop.clock.move_to(paid_through - timedelta(minutes=1))
    shop.work()
    assert License.objects.get().status == License.Status.ACTIVE

    shop.clock.move_to(paid_through + timedelta(minutes=1))
    shop.work()
    assert License.objects.get().status == License.Status.LAPSED


def test_collection_that_goes_on_brings_everything_back(shop: Shop):
    subscription = bought(shop)
    for _ in range(2):  # each pause is told
        at_stripe(shop, subscription, "pause_collection[behavior]=void")
        shop.advance(days=31)
        shop.settle()
        assert License.objects.get().status == License.Status.LAPSED

        at_stripe(shop, subscription, "pause_collection=")
        assert License.objects.get().status == License.Status.ACTIVE
    shop.advance(days=31)
    shop.settle()

    assert Payment.objects.count() == 2
    told = OwnerNotice.objects.filter(key__startswith="paused:")
    assert told.count() == 2
    assert not told.filter(closed_at=None).exists()
    books_agree(shop)


def test_a_pause_that_no_webhook_told_is_found_at_night(shop: Shop):
    subscription = bought(shop)
    shop.ask_stripe(
        "POST", f"/v1/subscriptions/{subscription.stripe_id}", "pause_collection[behavior]=void"
    )
    shop.take()

    report = shop.night(events=False)

    assert report.drift == {subscription.stripe_id: "paused_collection"}
    assert Subscription.objects.get().is_paused


def test_a_customer_deleted_at_stripe_ends_his_license_and_may_buy_again(shop: Shop):
    bought(shop)
    stripe_id = shop.ask_stripe("GET", "/v1/customers?limit=1")["data"][0]["id"]

    shop.ask_stripe("DELETE", f"/v1/customers/{stripe_id}")
    shop.settle()
    assert License.objects.get().status == License.Status.LAPSED

    again = signed_in_buyer(shop, Customer.objects.get())
    again.buy("pro_monthly")
    shop.settle()
    assert License.objects.filter(status=License.Status.ACTIVE).count() == 1
    assert Customer.objects.count() == 1


def test_another_address_for_receipts_is_shown_and_signs_nobody_in(shop: Shop):
    bought(shop)
    row = StripeCustomer.objects.get()
    assert row.email == "dev@company.example"

    shop.ask_stripe("POST", f"/v1/customers/{row.stripe_id}", "email=books@company.example")
    shop.settle()

    row.refresh_from_db()
    assert row.email == "books@company.example"
    customer = Customer.objects.get()
    assert [one.email for one in customer.contacts.all()] == ["dev@company.example"]
    page = signed_in_buyer(shop, customer).client.get(f"/account/{customer.pk}/receipts/")
    assert "books@company.example" in page.content.decode()


def test_another_address_whose_event_was_lost_is_found_in_the_night(shop: Shop):
    bought(shop)
    row = StripeCustomer.objects.get()
    shop.ask_stripe("POST", f"/v1/customers/{row.stripe_id}", "email=books@company.example")
    shop.take()

    shop.night(events=False)

    row.refresh_from_db()
    assert row.email == "books@company.example"


def test_what_we_note_on_a_customer_ourselves_makes_no_more_work(shop: Shop):
    bought(shop)
    told = StripeEvent.objects.filter(type="customer.updated")
    assert told.exists()
    assert set(told.values_list("note", flat=True)) == {"of another change"}


@pytest.mark.parametrize("is_found_at_night", [True, False])
def test_a_customer_whose_deletion_we_never_heard_of_may_buy_again(
    shop: Shop, *, is_found_at_night: bool
):
    """The webhook was lost, and Stripe's events of then are older than 30 days."""
    bought(shop)
    stripe_id = StripeCustomer.objects.get().stripe_id
    shop.ask_stripe("DELETE", f"/v1/customers/{stripe_id}")
    shop.take()
    if is_found_at_night:
        shop.night(events=False)
        assert StripeCustomer.objects.get().deleted_at is not None
        assert License.objects.get().status == License.Status.LAPSED
    else:
        License.objects.update(status=License.Status.LAPSED)  # or his account would say "yours"

    signed_in_buyer(shop, Customer.objects.get()).buy("pro_monthly")
    shop.settle()

    assert License.objects.filter(status=License.Status.ACTIVE).count() == 1
    assert StripeCustomer.objects.filter(deleted_at=None).count() == 1
    assert Customer.objects.count() == 1
    books_agree(shop)


def test_a_customer_who_is_renamed_after_a_lost_answer_can_buy(shop: Shop):
    customer = add_customer(name="Company", email="dev@company.example")
    shop.fail_stripe("POST", "/v1/customers", kind="reset", when="after", times=2)
    buyer = signed_in_buyer(shop, customer)
    assert buyer.press_buy("pro_monthly").status_code == 503
    Customer.objects.update(name="Company Ltd")

    buyer.buy("pro_monthly")

    assert License.objects.get().customer == customer


def test_a_lost_answer_leaves_one_stripe_customer(shop: Shop):
    customer = add_customer(name="Company", email="dev@company.example")
    shop.fail_stripe("POST", "/v1/customers", kind="reset", when="after", times=2)
    buyer = signed_in_buyer(shop, customer)
    assert buyer.press_buy("pro_monthly").status_code == 503

    buyer.buy("pro_monthly")

    assert shop.stripe_counts()["customer"] == 1


def test_customer_7_of_another_database_is_another_customer_at_stripe(shop: Shop):
    """A restored backup, or a second installation with the same Stripe account."""
    customer = add_customer(name="Company", email="dev@company.example")
    first = ensure_stripe_customer(customer)
    StripeCustomer.objects.all().delete()
    Customer.objects.update(created_at=timezone.now() + timedelta(seconds=1))
    customer.refresh_from_db()

    assert ensure_stripe_customer(customer) != first


def test_the_key_of_another_account_by_mistake_does_no_lasting_harm(shop: Shop):
    """Stripe knows neither his id nor the price's; that is not the same as deleted or archived."""
    bought(shop)
    stripe_id = StripeCustomer.objects.get().stripe_id
    License.objects.update(status=License.Status.LAPSED)
    buyer = signed_in_buyer(shop, Customer.objects.get())
    StripeCustomer.objects.update(stripe_id="cus_elsewhere")
    known = buyer.press_buy("pro_monthly")
    StripeCustomer.objects.update(stripe_id=stripe_id)
    Price.objects.filter(lookup_key="pro_monthly").update(stripe_id="price_elsewhere")
    stranger = Buyer(shop).press_buy("pro_monthly")

    assert (known.status_code, stranger.status_code) == (503, 503)
    assert StripeCustomer.objects.get().deleted_at is None
    assert not Price.objects.filter(is_on_sale=False, lookup_key="pro_monthly").exists()


@pytest.mark.parametrize("archived", ["prices", "products"])
def test_an_archived_price_sells_no_more_but_renews(shop: Shop, archived: str):
    bought(shop)
    price = shop.ask_stripe("GET", "/v1/prices?lookup_keys[0]=pro_monthly")["data"][0]
    stripe_id = price["id"] if archived == "prices" else price["product"]
    shop.ask_stripe("POST", f"/v1/{archived}/{stripe_id}", "active=false")

    late = Buyer(shop, email="late@company.example")
    pages = [late.press_buy("pro_monthly"), late.client.get("/pricing/")]
    shop.advance(days=32)
    shop.settle()

    assert [page.status_code for page in pages] == [409, 200]
    assert "Hare Pro is not on sale at this price any more" in pages[0].content.decode()
    assert 'value="pro_monthly"' not in pages[1].content.decode()
    [notice] = OwnerNotice.objects.filter(needs_him=True)
    assert "Stripe sells pro_monthly" in notice.text
    assert License.objects.get().rev == 2
    books_agree(shop)

    Price.objects.update(is_on_sale=True)
    call_command("sync_catalog", stdout=StringIO())
    late.buy("pro_monthly")
    assert License.objects.count() == 2


def test_nobody_changes_to_an_archived_price(shop: Shop):
    subscription = bought(shop)
    for key in ("pro_yearly", "enterprise_monthly"):
        price = shop.ask_stripe("GET", f"/v1/prices?lookup_keys[0]={key}")["data"][0]["id"]
        shop.ask_stripe("POST", f"/v1/prices/{price}", "active=false")
        browser = signed_in_buyer(shop, Customer.objects.get()).client

        said = browser.get(
            f"/account/subscriptions/{subscription.pk}/change/",
            {"price": key, "quantity": 1},
            follow=True,
        )

        assert "is not on sale" in said.content.decode()
        assert not Price.objects.get(lookup_key=key).is_on_sale
    assert OwnerNotice.objects.filter(needs_him=True).count() == 2


@pytest.mark.parametrize(("outcome", "status"), [("lost", 409), ("won", 302)])
def test_after_a_lost_dispute_nothing_more_is_sold_by_the_machine(
    shop: Shop, outcome: str, status: int
):
    """Won, he has his license back; and another customer is not concerned."""
    bought(shop)
    decide(shop, dispute(shop, Payment.objects.get()), outcome)

    page = signed_in_buyer(shop, Customer.objects.get()).press_buy("pro_monthly")

    assert page.status_code == status
    if outcome == "lost":
        assert "Your bank took an earlier payment of yours back" in page.content.decode()
        assert not Cart.objects.filter(customer__isnull=False).exists()
    other = add_customer(name="Other", email="other@company.example")
    assert signed_in_buyer(shop, other).press_buy("pro_monthly").status_code == 303


@pytest.mark.parametrize("ending", ["canceled", "unpaid", "past_due"])
def test_retries_that_are_exhausted_lapse_the_license_and_the_way_back_works(shop: Shop, ending):
    shop.standin.control("POST", "webhooks", {"mode": "hold", "retries_exhausted": ending})
    bought(shop, card=FAILS_AT_RENEWAL)

    for _ in range(14):  # and into another period
        shop.advance(days=5)
        shop.settle()
    assert Subscription.objects.get().status == ending
    assert License.objects.get().status == License.Status.LAPSED

    back = signed_in_buyer(shop, Customer.objects.get())
    back.buy("pro_monthly")
    shop.settle()
    assert License.objects.filter(status=License.Status.ACTIVE).count() == 1


def test_the_reminders_come_on_their_days_and_once_each(shop: Shop):
    bought(shop, card=FAILS_AT_RENEWAL)
    shop.advance(days=31, hours=3)
    shop.settle()
    since = Subscription.objects.get().past_due_since
    assert since is not None

    for day in range(21):
        shop.clock.move_to(since + timedelta(days=day, hours=2))
        shop.work()
        shop.work()

    keys = [s for s in subjects() if "Hare Pro" in s and ("unpaid" in s or "go through" in s)]
    assert len(keys) == 5


def test_after_a_stop_only_the_newest_reminder_is_sent(shop: Shop):
    bought(shop, card=FAILS_AT_RENEWAL)
    shop.advance(days=31, hours=3)
    shop.settle()
    since = Subscription.objects.get().past_due_since
    assert since is not None
    before = len(mail.outbox)

    shop.clock.move_to(since + timedelta(days=15))
    shop.work()

    assert len(mail.outbox) == before + 1


def test_a_failed_renewal_that_is_paid_in_time_interrupts_nothing(shop: Shop):
    subscription = bought(shop, card=FAILS_AT_RENEWAL)
    shop.advance(days=31, hours=3)
    shop.settle()
    assert Subscription.objects.get().status == "past_due"
    stripe_id = shop.ask_stripe("GET", f"/v1/subscriptions/{subscription.stripe_id}")
    invoice = stripe_id["latest_invoice"]
    method = shop.ask_stripe(
        "POST", "/v1/payment_methods/pm_card_visa/attach", f"customer={stripe_id['customer']}"
    )["id"]

    shop.ask_stripe("POST", f"/v1/invoices/{invoice}/pay", f"payment_method={method}")
    shop.settle()

    license = License.objects.get()
    assert license.status == License.Status.ACTIVE
    assert [event.name for event in license.events.all()] == ["renewed", "issued"]
    assert Payment.objects.count() == 2
    books_agree(shop)


def test_the_account_leads_to_the_open_invoice(shop: Shop):
    bought(shop, card=FAILS_AT_RENEWAL)
    shop.advance(days=31, hours=3)
    shop.settle()
    client = Client()
    client.force_login(User.objects.get(email="dev@company.example"))

    page = client.get("/account/").content.decode()

    assert "Pay the open invoice" in page
    assert Subscription.objects.get().pay_url in page.replace("&amp;", "&")


def test_a_payment_that_comes_after_the_end_goes_back_and_extends_nothing(shop: Shop):
    subscription = bought(shop, card=FAILS_AT_RENEWAL)
    shop.advance(days=31, hours=3)
    shop.settle()
    remote = shop.ask_stripe("GET", f"/v1/subscriptions/{subscription.stripe_id}")
    shop.ask_stripe("DELETE", f"/v1/subscriptions/{subscription.stripe_id}")
    shop.settle()
    before = License.objects.get()
    assert before.status == License.Status.LAPSED
    method = shop.ask_stripe(
        "POST", "/v1/payment_methods/pm_card_visa/attach", f"customer={remote['customer']}"
    )["id"]
    shop.advance(minutes=5)

    invoice = remote["latest_invoice"]
    shop.ask_stripe("POST", f"/v1/invoices/{invoice}/pay", f"payment_method={method}")
    shop.settle()

    after = License.objects.get()
    assert (after.status, after.paid_through) == (before.status, before.paid_through)
    assert Payment.objects.latest("paid_at").is_refunded
    assert not Payment.objects.earliest("paid_at").refunded_cents
    assert shop.stripe_counts()["refund"] == 1
    books_agree(shop)


def test_refunding_only_the_difference_of_an_upgrade_ends_nothing(shop: Shop):
    subscription = bought(shop, "enterprise_monthly", 1)
    item = shop.ask_stripe("GET", f"/v1/subscriptions/{subscription.stripe_id}")["items"]["data"][0]
    at_stripe(
        shop, subscription,
        f"items[0][id]={item['id']}&items[0][quantity]=3&proration_behavior=always_invoice",
    )  # fmt: skip
    difference = Payment.objects.latest("pk")

    shop.ask_stripe("POST", "/v1/refunds", f"payment_intent={difference.stripe_id}")
    shop.settle()

    assert difference.is_refunded
    assert License.objects.get().status == License.Status.ACTIVE
    books_agree(shop)
