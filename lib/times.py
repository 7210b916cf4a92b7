"""Moments are aware and in UTC; Stripe gives Unix seconds."""

import calendar
from datetime import UTC, datetime


def from_unix(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def from_unix_or_none(seconds: int | None) -> datetime | None:
    return None if seconds is None else from_unix(seconds)


def add_months(moment: datetime, months: int) -> datetime:
    """The same day and time so many months later; the month's last day where there is none."""
    year, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + year, month + 1
    last = calendar.monthrange(year, month)[1]
    return moment.replace(year=year, month=month, day=min(moment.day, last))
