"""The night's reconciling: by one worker, on a Stripe that is away, and by hand."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from billing.models import (
    Chore,
    DirtyObject,
    OwnerNotice,
)
from licenses.models import License
from outbox.claims import MAX_ATTEMPTS
from tests.flows.books import books_agree
from tests.flows.unheard import (
    live_on,
    lose_all,
    path_of,
    populate,
)
from tests.shop import Buyer, Shop


def test_what_was_given_up_is_tried_again_in_the_night(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    shop.ask_stripe("DELETE", path_of("dev@company.example"))
    lose_all(shop)
    DirtyObject.objects.filter(kind="subscription").update(
        due_at=timezone.now(), attempts=MAX_ATTEMPTS, dead_at=timezone.now(), hints=99
    )

    shop.night(events=False)

    assert License.objects.get().status == License.Status.LAPSED
    books_agree(shop)


def test_what_is_in_the_workers_hands_is_no_drift(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    shop.ask_stripe("DELETE", path_of("dev@company.example"))
    shop.deliver()

    report = shop.night()

    assert (report.drift, report.waiting) == ({}, 1)
    assert License.objects.get().status == License.Status.LAPSED


def test_the_command_says_what_it_found(shop: Shop):
    populate(shop)
    live_on(shop)

    said = StringIO()
    call_command("reconcile", "--state-only", "--all", stdout=said)

    assert "refund" in said.getvalue()
    assert "6 subscriptions, 0 waiting, 0 events had not arrived, drift: " in said.getvalue()
    shop.work()
    said = StringIO()
    call_command("reconcile", stdout=said)
    assert "drift: none" in said.getvalue()


def test_the_command_says_so_when_stripe_is_away(shop: Shop):
    shop.fail_stripe("GET", "/v1/events", kind="500", when="before", times=2)

    with pytest.raises(CommandError, match="run it again"):
        call_command("reconcile")


def test_every_night_it_is_done_once_by_any_number_of_workers(shop: Shop):
    Chore.objects.all().delete()
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    due = Chore.objects.get(name="reconcile").due_at
    assert due is not None
    assert (due.hour, due > timezone.now()) == (3, True)
    shop.ask_stripe("DELETE", path_of("dev@company.example"))
    lose_all(shop)

    shop.clock.move_to(due + timedelta(seconds=1))
    shop.work()
    shop.work()

    chore = Chore.objects.get(name="reconcile")
    assert License.objects.get().status == License.Status.LAPSED
    assert chore.due_at == due + timedelta(days=1)
    assert chore.fence == 1
    assert "1 subscriptions" in chore.outcome


def test_a_stripe_that_is_away_in_the_night_is_asked_again_and_the_next_night_too(shop: Shop):
    Chore.objects.update(due_at=timezone.now())
    for _ in range(MAX_ATTEMPTS):
        shop.fail_stripe("GET", "/v1/events", kind="500", when="before", times=2)
        shop.work()
        chore = Chore.objects.get(name="reconcile")
        assert chore.last_error.startswith("StripeUnavailable")
        assert chore.due_at is not None
        shop.clock.move_to(chore.due_at + timedelta(seconds=1))

    shop.work()

    assert chore.dead_at is None
    assert chore.due_at.hour == 3
    assert OwnerNotice.objects.filter(key__startswith="chore:reconcile:").count() == 1
    assert "drift: none" in Chore.objects.get(name="reconcile").outcome
