"""What ends by the clock, and who is asked before anybody is cut off."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from billing.licensing import settle_overdue
from billing.models import DirtyObject, Dispute, Payment, Subscription
from billing.sync import sync_subscription_now
from licenses.models import License, LicenseEvent
from outbox.models import Mail
from portal.management.commands.work import work_once
from tests.cards import FAILS_AT_RENEWAL, GOOD
from tests.flows.at_stripe import subjects
from tests.flows.books import books_agree
from tests.flows.disputing import dispute
from tests.flows.schedules import at_border
from tests.flows.test_money_in_any_order import pay_with_a_good_card
from tests.shop import Buyer, Shop


def buy_and_cancel(shop: Shop) -> tuple[str, datetime]:
    """The subscription's path at Stripe, and when its period ends."""
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    subscription = Subscription.objects.get()
    path = f"/v1/subscriptions/{subscription.stripe_id}"
    shop.ask_stripe("POST", path, "cancel_at_period_end=true")
    shop.settle()
    return path, subscription.current_period_end


def test_the_grace_ends_by_the_clock_when_stripe_is_silent(shop: Shop):
    Buyer(shop).buy("pro_monthly", card=FAILS_AT_RENEWAL)
    shop.settle()
    shop.advance(days=31, hours=3)
    shop.settle()
    since = Subscription.objects.get().past_due_since
    assert since is not None

    shop.clock.move_to(since + timedelta(days=20, hours=23))
    shop.work()
    assert License.objects.get().status == License.Status.ACTIVE

    shop.clock.move_to(since + timedelta(days=21, minutes=1))
    shop.work()
    assert License.objects.get().status == License.Status.LAPSED


def test_a_cancel_date_is_kept_even_if_stripe_never_says_more(shop: Shop):
    _, period_end = buy_and_cancel(shop)

    shop.clock.move_to(period_end - timedelta(minutes=1))
    shop.work()
    assert License.objects.get().status == License.Status.ACTIVE

    shop.clock.move_to(period_end + timedelta(minutes=1))
    shop.work()
    assert License.objects.get().status == License.Status.LAPSED


def test_a_cancellation_taken_back_unheard_cuts_nobody_off(shop: Shop):
    path, period_end = buy_and_cancel(shop)
    shop.ask_stripe("POST", path, "cancel_at_period_end=false")
    shop.take()  # lost

    shop.clock.move_to(period_end + timedelta(minutes=1))
    shop.work()

    assert License.objects.get().status == License.Status.ACTIVE
    assert Subscription.objects.get().cancel_at is None
    assert Mail.objects.order_by("pk").values_list("key", flat=True)[2].startswith("uncanceled:")


def test_a_payment_that_is_looked_at_first_cuts_nobody_off(shop: Shop):
    """What we have of a subscription may be old; a payment's news says nothing new of its end."""
    path, _ = buy_and_cancel(shop)
    shop.ask_stripe("POST", path, "cancel_at_period_end=false")
    shop.advance(days=32)
    shop.take()  # lost, and nobody worked meanwhile: the renewal, too
    payment = Payment.objects.get()
    shop.ask_stripe("POST", "/v1/refunds", f"payment_intent={payment.stripe_id}&amount=500")

    shop.settle()

    assert payment.refunded_cents == 500
    assert License.objects.get().status == License.Status.ACTIVE
    assert not LicenseEvent.objects.filter(name="lapsed").exists()
    assert not Mail.objects.filter(key__startswith="ended:").exists()
    books_agree(shop)


def test_a_payments_news_ends_no_grace_and_no_pause_that_is_over_unheard(shop: Shop):
    for number, card in enumerate([FAILS_AT_RENEWAL, GOOD]):
        Buyer(shop, email=f"dev{number}@company.example").buy("pro_monthly", card=card)
    shop.settle()
    unpaid, paused = Subscription.objects.order_by("pk")
    pause = f"/v1/subscriptions/{paused.stripe_id}"
    shop.ask_stripe("POST", pause, "pause_collection[behavior]=void")
    shop.settle()
    first = [Payment.objects.get(subscription=one) for one in (unpaid, paused)]
    shop.advance(days=30)
    shop.ask_stripe("POST", pause, "pause_collection=")
    shop.take()  # lost
    shop.advance(days=1, hours=3)
    (invoice,) = shop.ask_stripe("GET", "/v1/invoices?status=open")["data"]
    sync_subscription_now(unpaid.stripe_id)  # the failure was heard of
    pay_with_a_good_card(shop, unpaid, invoice["id"])
    shop.advance(days=22)
    shop.take()  # lost

    for payment in first:
        intent = f"payment_intent={payment.stripe_id}&amount=500"
        shop.ask_stripe("POST", "/v1/refunds", intent)
    shop.settle()

    assert not LicenseEvent.objects.filter(name="lapsed").exists()
    books_agree(shop)


@pytest.mark.parametrize("is_paid", [True, False])
def test_after_two_days_without_a_worker_stripe_is_asked_before_anybody_is_cut_off(
    shop: Shop, is_paid: bool
):
    path, period_end = buy_and_cancel(shop)
    if is_paid:
        shop.ask_stripe("POST", path, "cancel_at_period_end=false")
    shop.advance(seconds=(period_end - timezone.now()).total_seconds() + 48 * 3600)
    shop.take()  # Stripe will try again later

    shop.work()

    told = subjects().count("Your license of Hare Pro has ended")
    assert (License.objects.get().status, told) == (("active", 0) if is_paid else ("lapsed", 1))


def test_a_question_that_fails_once_after_such_a_stop_cuts_nobody_off(shop: Shop):
    """A machine starts again after two days, its worker sooner than its network."""
    path, period_end = buy_and_cancel(shop)
    shop.ask_stripe("POST", path, "cancel_at_period_end=false")
    shop.advance(seconds=(period_end - timezone.now()).total_seconds() + 48 * 3600)
    shop.take()
    shop.fail_stripe("GET", "/v1/subscriptions/", kind="500", when="before", times=2)

    shop.work()
    assert DirtyObject.objects.exclude(last_error="").count() == 1
    assert License.objects.get().status == License.Status.ACTIVE
    shop.clock.move_to(timezone.now() + timedelta(seconds=10))
    shop.work()

    assert License.objects.get().status == License.Status.ACTIVE
    assert Subscription.objects.get().cancel_at is None
    assert "Your license of Hare Pro has ended" not in subjects()


def test_who_is_agreed_on_while_the_clock_is_looked_at_keeps_his_license(shop: Shop):
    path, period_end = buy_and_cancel(shop)
    shop.ask_stripe("POST", path, "cancel_at_period_end=false")
    shop.clock.move_to(period_end + timedelta(minutes=1))

    with at_border(1, lambda: sync_subscription_now(path.rpartition("/")[2])):
        settle_overdue(timezone.now())

    assert Subscription.objects.get().cancel_at is None
    assert License.objects.get().status == License.Status.ACTIVE


def test_a_cancel_date_is_kept_within_a_day_if_stripe_is_away(shop: Shop):
    _, period_end = buy_and_cancel(shop)
    shop.fail_stripe("GET", "/v1/subscriptions/", kind="500", when="before", times=10_000)

    statuses = []
    for hours in (1, 23, 25):
        shop.clock.move_to(period_end + timedelta(hours=hours))
        shop.work()
        statuses.append(License.objects.get().status)

    assert statuses == ["active", "active", "lapsed"]


def test_a_canceled_subscription_that_stripe_forgot_ends_without_asking_for_ever(shop: Shop):
    _, period_end = buy_and_cancel(shop)
    shop.standin.reset()  # gone

    shop.clock.move_to(period_end + timedelta(minutes=1))
    rounds = [work_once() for _ in range(6)]

    assert License.objects.get().status == License.Status.LAPSED
    assert rounds[-1] == 0


def test_what_ended_while_a_dispute_was_open_ends_when_it_is_won(shop: Shop):
    """Also where Stripe does not know the subscription any more, and nothing else tells it."""
    _, period_end = buy_and_cancel(shop)
    dispute(shop, Payment.objects.get())
    shop.standin.reset()  # gone
    shop.clock.move_to(period_end + timedelta(minutes=1))
    shop.work()
    assert License.objects.get().status == License.Status.SUSPENDED

    Dispute.objects.update(status="won")
    rounds = [work_once() for _ in range(6)]

    assert License.objects.get().status == License.Status.LAPSED
    assert rounds[-1] == 0
