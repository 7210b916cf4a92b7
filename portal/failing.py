"""The worker's duties that fail at present: a line in the log each minute, not each round, and a
word to the owner when it goes on.
"""

import logging
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import Error, transaction

from billing.models import OwnerNotice
from billing.notices import tell_owner
from lib.redaction import redact

log = logging.getLogger(__name__)

PREFIX = "duty:"
SAID_EVERY = timedelta(minutes=1)
TOLD_AFTER = timedelta(minutes=10)  # an upgrade or a backup is over by then


class Failing:
    """What one worker saw."""

    def __init__(self) -> None:
        self._since: dict[str, datetime] = {}
        self._said: dict[str, datetime] = {}
        self._told: set[str] | None = None  # not read yet

    def note(self, name: str, error: Exception, at: datetime) -> None:
        """*name* failed; call it where *error* is caught. Never raises."""
        since = self._since.setdefault(name, at)
        if name not in self._said or at - self._said[name] >= SAID_EVERY:
            self._said[name] = at
            log.error("%s failed; tried again in the next round", name, exc_info=error)
        if at - since >= TOLD_AFTER:
            text = f"The worker's {name} fails since {since:%Y-%m-%d %H:%M} UTC: "
            with suppress(Error), transaction.atomic():  # the database may be what is away
                tell_owner(
                    f"{PREFIX}{name}:{since:%Y-%m-%d}",
                    text + redact(f"{type(error).__name__}: {error}"[:500]),
                    at=at,
                    needs_him=True,
                )

    def clear(self, name: str, at: datetime) -> None:
        """*name* works, again or as ever. Never raises."""
        if self._told is not None and name not in self._told | self._since.keys():
            return
        open_notices = OwnerNotice.objects.filter(key__startswith=PREFIX, closed_at=None)
        with suppress(Error):
            open_notices.filter(key__startswith=f"{PREFIX}{name}:").update(closed_at=at)
            self._told = {key.split(":")[1] for key in open_notices.values_list("key", flat=True)}
            self._since.pop(name, None)
            self._said.pop(name, None)
