"""Rows that any number of workers may pick up, each of which may be killed anywhere.

A worker claims a row by one conditional UPDATE that sets a lease and raises the fence; only
while the fence is still his may he write the outcome. A lease that ran out is up for grabs.
"""

import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self, TypeVar

from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

LEASE = timedelta(seconds=60)  # longer than one attempt may take
MAX_ATTEMPTS = 12
BACKOFF_SECONDS = 5
BACKOFF_MAX_SECONDS = 3600
ROUND_SECONDS = 5
Row = TypeVar("Row")


def for_a_while(rows: Iterable[Row]) -> Iterator[Row]:
    """One of *rows*, and more until ROUND_SECONDS have passed: however slow Stripe or the mail
    server is, the worker's other duties get their turn.
    """
    end = time.monotonic() + ROUND_SECONDS
    for row in list(rows):
        yield row
        if time.monotonic() > end:
            return


class ClaimableQuerySet(models.QuerySet[Any]):
    def due(self, at: datetime) -> Self:
        """Rows to work on at the time *at*: due, alive, and in nobody's hands."""
        free = Q(lease_until__isnull=True) | Q(lease_until__lte=at)
        return self.filter(free, due_at__lte=at, dead_at__isnull=True)

    def try_again(self, at: datetime) -> int:
        """Let those that wait, or were given up, be tried at once; how many they are."""
        waiting = self.filter(due_at__isnull=False)
        return waiting.update(due_at=at, dead_at=None, attempts=0, lease_until=None)

    def claim(self, pk: int, at: datetime) -> "Claim | None":
        """Take the row for the length of a lease; None when somebody else has it.

        *at* may be when a round of many rows began: a slow one must not eat up the others' leases.
        """
        lease_until = max(at, timezone.now()) + LEASE
        with transaction.atomic():
            taken = (
                self.filter(pk=pk)
                .due(at)
                .update(lease_until=lease_until, fence=F("fence") + 1, attempts=F("attempts") + 1)
            )
            if not taken:
                return None
            fence = self.values_list("fence", flat=True).get(pk=pk)
        return Claim(model=self.model, pk=pk, fence=fence)


class ClaimableManager(models.Manager[Any]):
    def get_queryset(self) -> ClaimableQuerySet:
        return ClaimableQuerySet(self.model, using=self._db)

    def due(self, at: datetime) -> ClaimableQuerySet:
        return self.get_queryset().due(at)

    def try_again(self, at: datetime) -> int:
        return self.get_queryset().try_again(at)

    def claim(self, pk: int, at: datetime) -> "Claim | None":
        return self.get_queryset().claim(pk, at)


class Claimable(models.Model):
    """Base of such rows. `due_at` is null when there is nothing to do."""

    due_at = models.DateTimeField(null=True, blank=True, db_index=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True)
    dead_at = models.DateTimeField(null=True, blank=True, help_text="given up; retry in the admin")

    class Meta:
        abstract = True


@dataclass(frozen=True)
class Claim:
    """One worker's hold on one row; every write through it is guarded by the fence."""

    model: type[Claimable]
    pk: int
    fence: int

    def update(self, **fields: Any) -> bool:
        """Write *fields* and let go of the row; False when somebody took over meanwhile."""
        fields = {"lease_until": None, **fields}
        return bool(self._mine().update(**fields))

    def keep(self, **fields: Any) -> bool:
        """Write *fields* and hold on to the row for another lease; False when somebody took over
        meanwhile.
        """
        fields = {"lease_until": timezone.now() + LEASE, **fields}
        return bool(self._mine().update(**fields))

    def fail(self, error: Exception, at: datetime) -> None:
        """Note the error and try again later: 5 s, 10 s, 20 s … 1 h; dead after 12 tries."""
        attempts = self._mine().values_list("attempts", flat=True).first()
        if attempts is None:
            return
        text = f"{type(error).__name__}: {error}"[:2000]
        dead_at = at if attempts >= MAX_ATTEMPTS else None
        self.update(last_error=text, due_at=at + _backoff(attempts), dead_at=dead_at)

    def _mine(self) -> models.QuerySet[Claimable]:
        return self.model._default_manager.filter(pk=self.pk, fence=self.fence)


def _backoff(attempts: int) -> timedelta:
    seconds = min(BACKOFF_SECONDS * 2 ** (attempts - 1), BACKOFF_MAX_SECONDS)
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311  jitter
