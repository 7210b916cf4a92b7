"""One object that always fails and one that hangs delay no other (two workers)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from billing.models import DirtyObject, Subscription
from outbox.models import Mail
from portal.management.commands import work
from portal.management.commands.work import work_once
from tests.flows.processes import started
from tests.shop import Buyer, Shop

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]
LONGEST_WAIT_SECONDS = 10
WAVES, BUYERS = 3, 4


@contextmanager
def two_workers() -> Iterator[None]:
    def work(number: int) -> None:
        while True:
            if not work_once():
                time.sleep(0.1)

    with started(2, work):
        yield


def poison(shop: Shop, stripe_id: str, kind: str) -> None:
    """Due for longer than all others."""
    since = timezone.now() - timedelta(hours=1)
    DirtyObject.objects.create(stripe_id=stripe_id, kind="subscription", hints=1, due_at=since)
    path = f"/v1/subscriptions/{stripe_id}"
    shop.fail_stripe("GET", path, kind=kind, when="before", times=999)


def wait_for(addresses: set[str]) -> float:
    """Seconds until each of these buyers has his mail, and so his license."""
    began = time.monotonic()
    while time.monotonic() - began < 60:
        sent = Mail.objects.filter(key__startswith="welcome:", sent_at__isnull=False)
        if addresses <= {mail.to[0] for mail in sent}:
            break
        time.sleep(0.1)
    return time.monotonic() - began


def test_poison_and_a_hanging_object_delay_no_other_by_ten_seconds(shop: Shop, tmp_path, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path
    poison(shop, "sub_always_fails", "500")
    poison(shop, "sub_hangs", "timeout")

    waits = []
    with two_workers():
        for wave in range(WAVES):  # the hanging one is asked again while they last
            buyers = [Buyer(shop, f"b{wave}-{number}@example.com") for number in range(BUYERS)]
            for buyer in buyers:
                buyer.pay(buyer.press_buy("pro_monthly")["Location"])
            shop.deliver()
            waits.append(wait_for({buyer.email for buyer in buyers}))
            time.sleep(4)

    assert max(waits) < LONGEST_WAIT_SECONDS, waits
    assert Subscription.objects.count() == WAVES * BUYERS
    assert DirtyObject.objects.get(stripe_id="sub_hangs").attempts >= 1
    assert DirtyObject.objects.get(stripe_id="sub_always_fails").attempts >= 2


def test_what_is_new_comes_before_what_failed_and_other_duties_get_their_turn(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("outbox.claims.ROUND_SECONDS", 0)  # one object a round
    for number in range(5):
        poison(shop, f"sub_poison_{number}", "500")
    DirtyObject.objects.update(attempts=3)
    buyer = Buyer(shop)
    buyer.pay(buyer.press_buy("pro_monthly")["Location"])
    shop.deliver()

    work_once()

    assert Mail.objects.get().sent_at is not None
    assert DirtyObject.objects.filter(attempts__gt=3).count() == 0


def test_no_story_overlooks_a_duty_that_fails(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    def fail(at: datetime) -> int:
        raise OperationalError("database is locked")

    monkeypatch.setattr(work, "DUTIES", (fail,))

    with pytest.raises(AssertionError):
        shop.work()
