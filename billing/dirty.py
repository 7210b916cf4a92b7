"""Which objects at Stripe may have changed, and the loop that makes our rows agree.

An object is claimed (lease and fence), fetched from Stripe as it is now outside any
transaction, and written in one transaction that the fence guards: an answer that was overtaken
is thrown away. Right for any hints, in any order and number, and for a kill anywhere.
"""

import logging
from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from billing import stripe_api
from billing.models import DirtyObject
from outbox.claims import Claim

log = logging.getLogger(__name__)

# Writes what was fetched; runs inside the guarded transaction.
Write = Callable[[datetime], None]
Fetch = Callable[[str], Write]


def mark_dirty(kind: DirtyObject.Kind, stripe_id: str, *, at: datetime) -> DirtyObject:
    """Ask for the object to be fetched; call it in the transaction that gave the hint."""
    mark: DirtyObject
    mark, _ = DirtyObject.objects.get_or_create(stripe_id=stripe_id, defaults={"kind": kind})
    DirtyObject.objects.filter(pk=mark.pk).update(
        hints=F("hints") + 1, due_at=at, dead_at=None, attempts=0
    )
    return mark


def agree(mark_id: int, fetch: Fetch, at: datetime) -> bool:
    """Fetch one dirty object and write it; False if somebody else has it, or it failed.

    A failure is kept on the row and tried again later; it never touches another object.
    """
    claim = DirtyObject.objects.claim(mark_id, at)
    if claim is None:
        return False
    mark = DirtyObject.objects.get(pk=mark_id)
    try:
        return _agree(claim, mark, fetch)
    except stripe_api.StripeObjectGone as error:
        return _let_go(claim, mark.hints, note=f"gone at Stripe: {error}")
    except Exception as error:
        log.exception("%s could not be agreed on", mark.stripe_id)
        claim.keep(failing_since=Coalesce("failing_since", Value(timezone.now())))
        claim.fail(error, timezone.now())
        return False


def _agree(claim: Claim, mark: DirtyObject, fetch: Fetch) -> bool:
    write = fetch(mark.stripe_id)
    with transaction.atomic():
        write(timezone.now())
        # Last the fence: who was overtaken takes back what he wrote. Whoever writes about a
        # subscription locks it first, then marks: so no two wait for each other's marks.
        if not _let_go(claim, mark.hints):
            transaction.set_rollback(True)
            return False
    return True


def _let_go(claim: Claim, generation: int, note: str = "") -> bool:
    """Clean up to the generation we asked for; dirtier since then is asked for again."""
    return claim.update(
        agreed=generation,
        agreed_at=timezone.now(),
        due_at=Case(When(hints=generation, then=Value(None)), default=F("due_at")),
        attempts=0,
        failing_since=None,
        last_error=note[:2000],
    )


def is_waiting(stripe_id: str) -> bool:
    """Whether it is known to have changed and will be asked for; not what was given up."""
    marks = DirtyObject.objects.filter(stripe_id=stripe_id, dead_at__isnull=True)
    return marks.filter(due_at__isnull=False).exists()


def was_agreed_since(stripe_id: str, moment: datetime) -> bool:
    """Whether Stripe was asked for it after that moment, whatever it answered."""
    return DirtyObject.objects.filter(stripe_id=stripe_id, agreed_at__gt=moment).exists()


def has_failed_since(stripe_id: str, moment: datetime) -> bool:
    """Whether Stripe was asked for it in vain at that moment already, and ever since."""
    marks = DirtyObject.objects.filter(stripe_id=stripe_id, due_at__isnull=False)
    return marks.filter(failing_since__lte=moment).exists()


def is_given_up(stripe_id: str) -> bool:
    """Whether it could not be agreed on after all tries; the owner was told."""
    return DirtyObject.objects.filter(stripe_id=stripe_id, dead_at__isnull=False).exists()


def was_looked_at(stripe_id: str) -> bool:
    """Whether Stripe was asked for it and nothing is left to do."""
    marks = DirtyObject.objects.filter(stripe_id=stripe_id, agreed__gt=0)
    return marks.filter(due_at__isnull=True).exists()
