"""What happens to a license while its subscription lives, and when it ends."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from billing.models import DirtyObject, Payment, StripeEvent, Subscription
from licenses.models import License
from outbox.models import Mail
from tests.cards import FAILS_AT_RENEWAL
from tests.flows.at_stripe import subjects
from tests.shop import Buyer, Shop


def test_a_renewal_extends_the_license_and_needs_no_new_key(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    before = License.objects.get()

    shop.advance(days=32)
    shop.settle()

    after = License.objects.get()
    assert after.paid_through > before.paid_through + timedelta(days=25)
    assert after.status == License.Status.ACTIVE
    assert after.rev == before.rev + 1
    assert [event.name for event in after.events.all()] == ["renewed", "issued"]
    assert Payment.objects.count() == 2
    assert subjects() == ["Hare Pro is yours: how to install it"]


def test_a_renewal_told_many_times_in_any_order_extends_once(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    shop.advance(days=32)

    shop.deliver(order="reversed", copies=3)
    shop.work()

    license = License.objects.get()
    assert license.rev == 2
    assert license.events.count() == 2


def test_a_license_whose_renewal_is_still_a_draft_works_on(shop: Shop):
    """Stripe keeps a renewal's invoice a draft for about an hour."""
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    end = License.objects.get().paid_through

    seconds = (end - timezone.now()).total_seconds() + 600
    shop.advance(seconds=seconds)
    shop.settle()

    license = License.objects.get()
    assert license.paid_through == end < timezone.now()
    assert license.status == License.Status.ACTIVE


def test_a_failed_renewal_changes_nothing_for_21_days_but_sends_a_mail(shop: Shop):
    Buyer(shop).buy("pro_monthly", card=FAILS_AT_RENEWAL)
    shop.settle()

    shop.advance(days=31, hours=3)
    shop.settle()

    assert Subscription.objects.get().status == "past_due"
    assert License.objects.get().status == License.Status.ACTIVE
    assert "Your payment for Hare Pro did not go through" in subjects()


def test_a_renewal_that_is_never_paid_lapses_the_license_once(shop: Shop):
    Buyer(shop).buy("pro_monthly", card=FAILS_AT_RENEWAL)
    shop.settle()

    for _ in range(12):
        shop.advance(days=5)
        shop.settle()

    license = License.objects.get()
    assert license.status == License.Status.LAPSED
    assert license.updates_until == license.paid_through
    assert subjects().count("Your license of Hare Pro has ended") == 1


def test_a_subscription_deleted_at_stripe_ends_the_license(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    stripe_id = Subscription.objects.get().stripe_id

    shop.ask_stripe("DELETE", f"/v1/subscriptions/{stripe_id}")
    shop.settle()

    assert License.objects.get().status == License.Status.LAPSED
    assert Subscription.objects.get().ended_at is not None
    assert "Your license of Hare Pro has ended" in subjects()


@pytest.mark.parametrize("times", [2, 3])
def test_each_cancellation_is_mailed_even_for_the_same_date(shop: Shop, times: int):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    path = f"/v1/subscriptions/{Subscription.objects.get().stripe_id}"

    for _ in range(times):
        for choice in ("true", "false"):
            shop.advance(hours=1)
            shop.ask_stripe("POST", path, f"cancel_at_period_end={choice}")
            shop.settle()

    keys = [key.split(":")[0] for key in Mail.objects.values_list("key", flat=True)]
    assert keys.count("canceled") == keys.count("uncanceled") == times


def test_a_subscription_that_is_none_of_ours_has_no_effect(shop: Shop):
    stripe_id = shop.sell_something_else()

    shop.settle()

    assert StripeEvent.objects.filter(about__stripe_id=stripe_id).exists()
    assert Subscription.objects.count() == License.objects.count() == 0


def test_an_event_about_an_object_that_stripe_does_not_know_is_let_go(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    (first, *_) = [d for d in shop.take() if d["type"] == "customer.subscription.created"]
    shop.standin.reset()  # the object is gone

    assert shop.post(first) == 200
    shop.work()

    row = DirtyObject.objects.get(kind="subscription")
    assert row.due_at is None
    assert row.last_error.startswith("gone at Stripe")


def test_a_stripe_that_is_away_is_asked_again_later_and_nothing_is_lost(shop: Shop):
    buyer = Buyer(shop)
    buyer.pay(buyer.press_buy("pro_monthly")["Location"])
    shop.deliver()
    shop.fail_stripe("GET", "/v1/", kind="500", when="before", times=2)

    shop.work()
    row = DirtyObject.objects.get(kind="subscription")
    assert row.last_error.startswith("StripeUnavailable")
    assert License.objects.count() == 0

    shop.clock.move_to(timezone.now() + timedelta(minutes=1))
    shop.work()
    assert License.objects.count() == 1
    assert DirtyObject.objects.get(kind="subscription").last_error == ""


def test_one_object_that_always_fails_delays_no_other(shop: Shop):
    buyer = Buyer(shop)
    buyer.pay(buyer.press_buy("pro_monthly")["Location"])
    shop.deliver()
    poison = Subscription.objects.count()
    DirtyObject.objects.create(
        stripe_id="sub_poison", kind="subscription", hints=1,
        due_at=timezone.now() - timedelta(hours=1),
    )  # fmt: skip
    shop.fail_stripe("GET", "/v1/subscriptions/sub_poison", kind="500", when="before", times=99)

    shop.work()

    assert poison == 0
    assert License.objects.count() == 1
    assert DirtyObject.objects.get(stripe_id="sub_poison").last_error


@pytest.mark.parametrize("times", [1, 2, 3])
def test_syncing_again_changes_nothing(shop: Shop, times: int):
    Buyer(shop).buy("enterprise_monthly", quantity=3)
    shop.settle()
    before = list(License.objects.values()), list(Subscription.objects.values())

    for _ in range(times):
        DirtyObject.objects.update(due_at=timezone.now(), hints=99)
        shop.work()

    assert (list(License.objects.values()), list(Subscription.objects.values())) == before
    assert len(mail.outbox) == 1


def test_giving_up_an_unpaid_invoice_begins_no_new_grace(shop: Shop):
    """The owner marks it uncollectible: that month is served. The next is not paid either."""
    Buyer(shop).buy("pro_monthly", card=FAILS_AT_RENEWAL)
    shop.settle()
    shop.advance(days=31, hours=3)
    shop.settle()
    subscription = Subscription.objects.get()
    since = subscription.past_due_since
    assert since is not None
    path = f"/v1/subscriptions/{subscription.stripe_id}"
    unpaid = shop.ask_stripe("GET", path)["latest_invoice"]
    shop.ask_stripe("POST", f"/v1/invoices/{unpaid}/mark_uncollectible")
    shop.settle()

    states = []
    for hours in (-24, 3):  # a draft for an hour, then it fails
        end = subscription.current_period_end
        shop.advance(seconds=(end - timezone.now()).total_seconds() + hours * 3600)
        shop.settle()
        states.append(License.objects.get().status)

    assert states == [License.Status.ACTIVE, License.Status.LAPSED]
    assert Subscription.objects.get().past_due_since == since
    assert subjects().count("Your license of Hare Pro has ended") == 1
