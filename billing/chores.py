"""What is done every night, by whichever worker comes first; a kill leaves it to the next."""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from billing.models import (
    Chore,
    Closing,
    GuaranteeRefund,
    LateRefund,
    OwnerNotice,
    SecondBackup,
)
from billing.notices import close_notice, tell_owner
from billing.reconcile import reconcile_nightly
from licenses.fan_out import prune_networks
from licenses.gift_ends import end_gifts, tell_of_ends
from licenses.key_reminders import remind_of_ends
from licenses.lease_duties import prune_usage
from licenses.signing_keys import list_ending
from outbox.claims import Claim

log = logging.getLogger(__name__)
NIGHT_HOUR = 3  # UTC
BEAT_SECONDS = 1.0  # no more often: a night's walk has thousands of steps, and each is a write

# Another try of these does nothing twice: what Stripe has done already counts as done.
_JOBS = (GuaranteeRefund.objects, LateRefund.objects, Closing.objects, SecondBackup.objects)
# Says that the worker is alive and may take longer; raises Overtaken.
Beat = Callable[[], None]


def prune_nightly(at: datetime, beat: Beat) -> str:
    """Forget what is no longer shown: old hours of threads, and where keys were used."""
    hours = prune_usage(at)
    beat()
    return f"{hours} hours of threads and {prune_networks(at)} uses of keys forgotten"


def remind_nightly(at: datetime, beat: Beat) -> str:
    """What ends by its date: keys that are still in use, those that sign, and licenses that were
    given.
    """
    _tell_of_signing_keys(at)
    beat()
    keys = remind_of_ends(at)
    beat()
    gifts = tell_of_ends(at)
    beat()
    return f"told of {keys} keys and {gifts} gifts that end; {end_gifts(at)} gifts ended"


@transaction.atomic
def _tell_of_signing_keys(at: datetime) -> None:
    ending = dict(list_ending(at))
    for key, text in ending.items():
        tell_owner(key, text, at=at, needs_him=True)
    waiting = OwnerNotice.objects.filter(key__startswith="signing-key:", closed_at=None)
    for notice in waiting.exclude(key__in=ending):
        close_notice(notice.key, at=at)


def retry_nightly(at: datetime, beat: Beat) -> str:
    """What was given up because Stripe was away for hours; what it refused waits for the owner."""
    is_away = Q(last_error__startswith="StripeUnavailable:")
    is_away |= Q(last_error__startswith="StripeFailed:")
    given_up = [jobs.get_queryset().filter(is_away, dead_at__isnull=False) for jobs in _JOBS]
    return f"{sum(jobs.try_again(at) for jobs in given_up)} jobs tried again"


NIGHTLY: Mapping[str, Callable[[datetime, Beat], str]] = {
    "reconcile": reconcile_nightly,
    "prune": prune_nightly,
    "remind": remind_nightly,
    "retry": retry_nightly,
}


class Overtaken(Exception):
    """The lease ran out and somebody else began anew; leave it to him."""


def do_chores(at: datetime) -> int:
    """Do what is due of NIGHTLY; returns how many chores were done."""
    rows = {chore.name: chore for chore in Chore.objects.all()}
    for name in NIGHTLY.keys() - rows.keys():
        Chore.objects.get_or_create(name=name, defaults={"due_at": next_night(at)})
    due = [row for row in rows.values() if row.name in NIGHTLY and _is_due(row, at)]
    return sum(_do(row, at) for row in due)


def next_night(at: datetime) -> datetime:
    """The next three o'clock (UTC) after *at*."""
    tonight = at.replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    return tonight if tonight > at else tonight + timedelta(days=1)


def _is_due(chore: Chore, at: datetime) -> bool:
    return chore.due_at is not None and chore.due_at <= at


def _do(chore: Chore, at: datetime) -> bool:
    claim = Chore.objects.claim(chore.pk, at)
    if claim is None:
        return False
    try:
        outcome = NIGHTLY[chore.name](at, make_beat(claim))
    except Overtaken:
        return False
    except Exception as error:
        log.exception("%s failed", chore.name)
        claim.fail(error, timezone.now())
        _wait_for_next_night(chore, timezone.now())
        return False
    now = timezone.now()
    return claim.update(
        due_at=next_night(now), done_at=now, outcome=outcome[:500], attempts=0, last_error=""
    )


@transaction.atomic
def _wait_for_next_night(chore: Chore, at: datetime) -> None:
    """Never given up: when the tries of this night are used up, the next night is another."""
    dead = Chore.objects.filter(pk=chore.pk, dead_at__isnull=False)
    if dead.update(dead_at=None, attempts=0, due_at=next_night(at)):
        error = Chore.objects.get(pk=chore.pk).last_error[:300]
        text = f"{chore.name} failed all night and waits for the next one: {error}"
        tell_owner(f"chore:{chore.name}:{at:%Y-%m-%d}", text, at=at)


def make_beat(claim: Claim) -> Beat:
    """Keeps the claim; raises Overtaken if it is another's. Written every BEAT_SECONDS at most."""
    kept_at = time.monotonic()

    def beat() -> None:
        nonlocal kept_at
        if time.monotonic() - kept_at > BEAT_SECONDS:
            kept_at = time.monotonic()
            if not claim.keep():
                raise Overtaken

    return beat
