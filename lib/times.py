"""Moments are aware and in UTC; Stripe gives Unix seconds."""

from datetime import UTC, datetime


def from_unix(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def from_unix_or_none(seconds: int | None) -> datetime | None:
    return None if seconds is None else from_unix(seconds)
