"""What we count: the peaks of each hour, as the customer sees them."""

from collections.abc import Collection
from dataclasses import asdict, astuple, dataclass, fields
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db import connections, models
from django.db.models import Max, Sum
from django.db.models.functions import TruncDate

from licenses.models import Lease, LeaseHour
from licenses.routers import VOLATILE

MOST_HOURS = 24 * 366
MOST_LEASES = 1000


@dataclass(frozen=True)
class Refused:
    """How many answers gave fewer threads than were wanted, by why; columns of LeaseHour."""

    over_limit: int = 0
    drained: int = 0  # the pool shrinks back to its limit
    over_free: int = 0  # outside production
    not_active: int = 0  # the license is suspended or revoked

    @property
    def total(self) -> int:
        return self.over_limit + self.drained + self.over_free + self.not_active


NONE_REFUSED = Refused()

# In SQL because it runs under the pool's lock: the ORM took 600 µs to build it.
_PEAKS = ["peak", "peak_surge", "peak_free", "processes", "wanted"]
_COUNTS = ["refused", *(field.name for field in fields(Refused))]
_RAISED = [f"{name} = CASE WHEN {name} < %s THEN %s ELSE {name} END" for name in _PEAKS]
_ADDED = [f"{name} = {name} + %s" for name in _COUNTS]
RAISE_HOUR = (
    f"UPDATE licenses_leasehour SET {', '.join([*_RAISED, *_ADDED])} "  # noqa: S608  names of ours
    "WHERE license_id = %s AND hour = %s"
)


@dataclass(frozen=True)
class Use:
    """Threads and processes of one license at one moment."""

    firm: int = 0
    surge: int = 0
    free: int = 0
    processes: int = 0
    wanted: int = 0
    refused: Refused = NONE_REFUSED


def hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def note_hour(license_id: int, at: datetime, use: Use) -> None:
    """Raise the hour's peaks to what is used now, and count what was refused."""
    hour = hour_of(at)
    if not _raise_hour(license_id, hour, use):
        new = LeaseHour(license_id=license_id, hour=hour)
        LeaseHour.objects.bulk_create([new], ignore_conflicts=True)  # or another just made it
        _raise_hour(license_id, hour, use)


def _raise_hour(license_id: int, hour: datetime, use: Use) -> bool:
    peaks = [use.firm + use.surge, use.surge, use.free, use.processes, use.wanted]
    refused = [use.refused.total, *astuple(use.refused)]
    database = connections[VOLATILE]
    with database.cursor() as cursor:
        cursor.execute(RAISE_HOUR, [
            *(number for peak in peaks for number in (peak, peak)),
            *refused, license_id, database.ops.adapt_datetimefield_value(hour),
        ])  # fmt: skip
        return bool(cursor.rowcount)


@dataclass(frozen=True)
class DayOfUse:
    """The peaks of one day (UTC), and how often fewer threads were given than wanted."""

    license_id: int
    day: date
    peak: int
    processes: int
    refused: int


def daily_usage(license_ids: Collection[int], *, since: datetime) -> list[DayOfUse]:
    """A row for each license and day that had any use, newest first, in one query."""
    hours = LeaseHour.objects.filter(license_id__in=list(license_ids), hour__gte=since)
    days = (
        hours.annotate(day=TruncDate("hour"))
        .values("license_id", "day")
        .annotate(top=Max("peak"), most=Max("processes"), short=Sum("refused"))
        .order_by("license_id", "-day")
    )
    return [
        DayOfUse(row["license_id"], row["day"], row["top"], row["most"], row["short"])
        for row in days
    ]


def usage_of(license_id: int, *, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """One row for each hour that had any use, oldest first, for JSON and CSV."""
    rows = LeaseHour.objects.filter(license_id=license_id, hour__gte=since, hour__lt=until)
    return [
        {
            "hour": row.hour.isoformat(),
            "peak": row.peak,
            "peak_surge": row.peak_surge,
            "peak_free": row.peak_free,
            "processes": row.processes,
            "wanted": row.wanted,
            "refused": row.refused,
            **asdict(refused_in(row)),
        }
        for row in rows.order_by("hour")[:MOST_HOURS]
    ]


def hours_since(license_id: int, since: datetime) -> list[LeaseHour]:
    """The hours that had any use, newest first."""
    rows = LeaseHour.objects.filter(license_id=license_id, hour__gte=since)
    return list(rows.order_by("-hour")[:MOST_HOURS])


def refused_in(hour: LeaseHour) -> Refused:
    return Refused(hour.over_limit, hour.drained, hour.over_free, hour.not_active)


def live_leases(license_id: int, at: datetime) -> models.QuerySet[Lease]:
    """What a customer sees of his license: the leases that count now, oldest first."""
    return Lease.objects.filter(license_id=license_id, expires_at__gt=at).order_by("acquired_at")


def live_usage(license_id: int, at: datetime) -> list[dict[str, Any]]:
    """The same for JSON, the first thousand."""
    return [
        {
            "iid": str(row.iid),
            "slot": row.slot,
            "env": row.env,
            "package": row.package,
            "wanted": row.threads,
            "firm": row.firm,
            "surge": row.surge,
            "since": row.acquired_at.isoformat(),
            "expires_at": row.expires_at.isoformat(),
        }
        for row in live_leases(license_id, at)[:MOST_LEASES]
    ]


def threads_url(license_id: int) -> str:
    """Where its holder sees all this, signed in."""
    return f"{settings.BASE_URL}/account/licenses/{license_id}/threads/"
