"""What we count: the peaks of each hour, as the customer sees them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import F, Max, Sum, Value
from django.db.models.functions import Greatest, TruncDate

from licenses.models import LeaseHour

MOST_HOURS = 24 * 366


@dataclass(frozen=True)
class Use:
    """Threads and processes of one license at one moment."""

    firm: int
    surge: int
    free: int
    processes: int
    wanted: int
    refused: int = 0


def note_hour(license_id: int, at: datetime, use: Use) -> None:
    """Raise the hour's peaks to what is used now. The caller holds the pool's lock."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    peaks = {
        "peak": use.firm + use.surge,
        "peak_surge": use.surge,
        "peak_free": use.free,
        "processes": use.processes,
        "wanted": use.wanted,
    }
    raised = LeaseHour.objects.filter(license_id=license_id, hour=hour).update(
        refused=F("refused") + use.refused,
        **{name: Greatest(F(name), Value(number)) for name, number in peaks.items()},
    )
    if not raised:
        LeaseHour.objects.create(license_id=license_id, hour=hour, refused=use.refused, **peaks)


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
        }
        for row in rows.order_by("hour")[:MOST_HOURS]
    ]
