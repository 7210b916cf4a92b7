"""What happens at Stripe without us: two tabs, the Dashboard, pauses."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.models import GuaranteeRefund, OwnerNotice, Payment, Subscription
from licenses.models import Customer, License
from licenses.people import add_customer
from tests.flows.at_stripe import at_stripe, bought, pay_a_second_page, signed_in_buyer, subjects
from tests.flows.books import books_agree
from tests.shop import Shop


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
