"""Billing periods: anchored, so that the 31st stays the 31st where a month has one."""

import calendar
from datetime import UTC, datetime, timedelta

from ..contract import Json

MONTHS = {"month": 1, "year": 12}
DAYS = {"day": 1, "week": 7}


def plus(anchor: int, recurring: Json, times: int) -> int:
    """*times* intervals after *anchor*, at the last day of a month that is too short."""
    start = datetime.fromtimestamp(anchor, UTC)
    count = recurring["interval_count"] * times
    if recurring["interval"] in DAYS:
        return int((start + timedelta(days=DAYS[recurring["interval"]] * count)).timestamp())
    months = start.year * 12 + start.month - 1 + MONTHS[recurring["interval"]] * count
    year, month = divmod(months, 12)
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return int(start.replace(year=year, month=month + 1, day=day).timestamp())


def period_end(anchor: int, start: int, recurring: Json) -> int:
    """The end of the period that begins at *start*."""
    times = 1
    while (end := plus(anchor, recurring, times)) <= start:
        times += 1
    return end
