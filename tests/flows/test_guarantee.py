"""The 14-day guarantee: everything back by one button, exactly once, whatever breaks."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from billing.chores import retry_nightly
from billing.guarantee import NoGuarantee, refundable_until, request_guarantee
from billing.models import (
    Chore,
    Closing,
    GuaranteeRefund,
    LateRefund,
    OwnerNotice,
    Payment,
    SecondBackup,
    Subscription,
)
from lib.tokens import TokenKind, mint_token
from licenses.entitlements import find_holder, may_download
from licenses.models import License, User
from outbox.claims import LEASE, MAX_ATTEMPTS
from tests.cards import GOOD, OTHER_GOOD
from tests.flows.books import books_agree
from tests.flows.crashing import crashes_in_turn
from tests.flows.processes import kill_after
from tests.shop import Buyer, Shop


def bought(shop: Shop, email: str = "dev@company.example", **options: object) -> Subscription:
    Buyer(shop, email=email).buy("pro_monthly", **options)
    shop.settle()
    subscription = Subscription.objects.order_by("-pk").first()
    assert subscription is not None
    return subscription


def signed_in(email: str = "dev@company.example") -> Client:
    client = Client()
    client.force_login(User.objects.get(email=email))
    return client


def press(subscription: Subscription, client: Client | None = None) -> int:
    client = client or signed_in()
    return client.post(f"/account/subscriptions/{subscription.pk}/refund/").status_code


def remote_status(shop: Shop, subscription: Subscription) -> str:
    status: str = shop.ask_stripe("GET", f"/v1/subscriptions/{subscription.stripe_id}")["status"]
    return status


def test_the_button_gives_everything_back_on_day_13(shop: Shop):
    subscription = bought(shop)
    shop.advance(days=13)

    assert press(subscription) == 302
    assert License.objects.get().status == License.Status.REVOKED  # at once
    shop.settle()

    job = GuaranteeRefund.objects.get()
    assert (job.state, job.amount_cents) == ("done", 9900)
    assert remote_status(shop, subscription) == "canceled"
    assert Payment.objects.get().refunded_cents == 9900
    subjects = [sent.subject for sent in mail.outbox if sent.to == ["dev@company.example"]]
    assert subjects.count("Your money for Hare Pro is on its way back") == 1
    books_agree(shop)


def test_access_ends_in_the_transaction_of_the_button(shop: Shop):
    subscription = bought(shop)
    token = mint_token(TokenKind.INDEX)
    from tests.make import make_credential

    _, token = make_credential(subscription.customer)
    at = timezone.now()

    request_guarantee(subscription.pk, at=at)

    holder = find_holder(token, at)
    assert holder is not None
    verdict = may_download(holder, tier_ids=[subscription.price.tier_id], released_at=at)
    assert not verdict.is_allowed
    assert "revoked" in verdict.reason


def test_the_last_moment_is_exact(shop: Shop):
    subscription = bought(shop)
    until = refundable_until(subscription)
    assert until == Payment.objects.get().paid_at + timedelta(days=14)

    shop.clock.move_to(until, tick=False)
    assert press(subscription) == 409
    shop.clock.move_to(until - timedelta(seconds=1), tick=False)
    assert press(subscription) == 302


def test_on_day_15_the_button_is_gone_and_the_post_refused(shop: Shop):
    subscription = bought(shop)
    page = signed_in().get("/account/").content.decode()
    assert "Get your money back" in page
    shop.advance(days=15)

    page = signed_in().get("/account/").content.decode()

    assert "Get your money back" not in page
    assert press(subscription) == 409
    assert License.objects.get().status == License.Status.ACTIVE
    assert not GuaranteeRefund.objects.exists()


def test_pressing_twice_refunds_once(shop: Shop):
    subscription = bought(shop)

    assert press(subscription) == press(subscription) == 302
    shop.settle()
    assert press(subscription) == 302
    shop.settle()

    assert shop.stripe_counts()["refund"] == 1
    books_agree(shop)


def test_the_second_purchase_of_a_customer_has_no_guarantee(shop: Shop):
    first = bought(shop)
    press(first)
    shop.settle()
    buyer = Buyer(shop)
    buyer.client = signed_in()
    buyer.buy("pro_monthly", card=OTHER_GOOD)
    shop.settle()
    second = Subscription.objects.latest("pk")

    assert second.customer == first.customer
    with pytest.raises(NoGuarantee, match="first purchase"):
        refundable_until(second)
    assert press(second) == 409


def test_the_same_card_under_another_address_has_no_guarantee(shop: Shop):
    press(bought(shop))
    shop.settle()

    second = bought(shop, email="somebody@else.example", card=GOOD)

    assert press(second, signed_in("somebody@else.example")) == 409


def test_another_customer_cannot_press_it(shop: Shop):
    subscription = bought(shop)
    bought(shop, email="other@company.example", card=OTHER_GOOD)

    assert press(subscription, signed_in("other@company.example")) == 404
    assert press(subscription, Client()) == 302  # to the sign-in
    assert not GuaranteeRefund.objects.exists()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["500", "429", "reset"])
@pytest.mark.parametrize("path", ["/v1/refunds", "/v1/subscriptions/"])
def test_a_stripe_that_fails_at_any_step_doubles_nothing(shop: Shop, path, kind, when):
    subscription = bought(shop)
    method = "POST" if path == "/v1/refunds" else "DELETE"
    shop.fail_stripe(method, path, kind=kind, when=when, times=2)

    press(subscription)
    for _ in range(4):
        shop.settle()
        shop.clock.move_to(timezone.now() + timedelta(minutes=2))
    shop.settle()

    assert GuaranteeRefund.objects.get().state == "done"
    assert shop.stripe_counts()["refund"] == 1
    assert remote_status(shop, subscription) == "canceled"
    books_agree(shop)


@pytest.mark.django_db(transaction=True)
def test_a_stripe_that_is_away_for_a_day_costs_nobody_a_click(shop: Shop):
    subscription = bought(shop)
    press(subscription)
    for _ in range(MAX_ATTEMPTS):
        for method in ("GET", "POST", "DELETE"):
            shop.fail_stripe(method, "/v1/", kind="500", when="before", times=50)
        shop.advance(hours=2)
        shop.work()
    assert GuaranteeRefund.objects.get().dead_at is not None
    shop.standin.control("DELETE", "faults")

    Chore.objects.filter(name="retry").update(due_at=timezone.now())  # it is night
    shop.work()
    shop.settle()

    job = GuaranteeRefund.objects.get()
    assert (job.state, job.amount_cents, job.dead_at) == ("done", 9900, None)
    waiting = OwnerNotice.objects.filter(needs_him=True, closed_at=None)
    assert not waiting.exists(), list(waiting)
    books_agree(shop)


@pytest.mark.parametrize(
    ("error", "is_tried"),
    [
        ("StripeUnavailable: a 500", True),
        ("StripeFailed: a 500 that Stripe keeps", True),
        ("StripeRefused: no such charge", False),
    ],
)
def test_each_night_all_jobs_that_stripe_was_away_for_are_tried_again(
    shop: Shop, error: str, is_tried: bool
):
    subscription, at = bought(shop), timezone.now()
    GuaranteeRefund.objects.create(subscription=subscription, requested_at=at)
    LateRefund.objects.create(payment=Payment.objects.get())
    Closing.objects.create(subscription=subscription, announced_at=at)
    jobs = (GuaranteeRefund, LateRefund, Closing, SecondBackup)
    for model in jobs:
        model.objects.update(due_at=at, dead_at=at, attempts=MAX_ATTEMPTS, last_error=error)

    said = retry_nightly(at, lambda: None)

    assert said == ("4 jobs tried again" if is_tried else "0 jobs tried again")
    alive = [model.objects.filter(dead_at=None, attempts=0).count() for model in jobs]
    assert alive == ([1] * 4 if is_tried else [0] * 4)


def test_a_crash_before_any_write_ends_refunded_canceled_and_revoked_once(shop: Shop):
    subscription = bought(shop)
    request_guarantee(subscription.pk, at=timezone.now())

    def wait_for_the_lease() -> None:
        assert License.objects.get().status == License.Status.REVOKED
        shop.clock.move_to(timezone.now() + LEASE + timedelta(seconds=1))

    crashes = crashes_in_turn(shop.work, wait_for_the_lease)
    shop.settle()

    assert crashes >= 5
    assert GuaranteeRefund.objects.get().state == "done"
    assert shop.stripe_counts()["refund"] == 1
    books_agree(shop)


@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_kill_9_at_any_moment_ends_refunded_canceled_and_revoked_once(shop: Shop):
    subscription = bought(shop)
    request_guarantee(subscription.pk, at=timezone.now())

    for step in range(8):  # fewer than a job has tries
        kill_after(0.015 * step, shop.work)
        shop.clock.move_to(timezone.now() + LEASE + timedelta(seconds=1))
    for _ in range(3):  # Stripe may still be at a request of somebody who was killed
        shop.settle()
        shop.clock.move_to(timezone.now() + timedelta(hours=2))
    shop.settle()

    assert shop.stripe_counts()["refund"] == 1
    assert remote_status(shop, subscription) == "canceled"
    books_agree(shop)
