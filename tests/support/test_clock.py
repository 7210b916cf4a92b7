"""Business time."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from support.clock import Calendar, due_after, read_calendar
from support.models import Vacation, WorkingTime
from tests.support.desk import MONDAY

pytestmark = pytest.mark.django_db


def work(**fields: object) -> None:
    WorkingTime.objects.create(pk=WorkingTime.ONLY, **fields)


def at(month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("came", "due"),
    [
        (at(8, 3, 10), at(8, 5, 10)),  # Monday to Wednesday
        (at(8, 6, 16), at(8, 10, 16)),  # Thursday to Monday
        (at(8, 7, 17), at(8, 11, 17)),  # Friday evening counts from Monday
        (at(8, 8, 12), at(8, 11, 17)),  # so does Saturday
        (at(8, 3, 3), at(8, 4, 17)),  # before work: the whole day counts
    ],
)
def test_two_working_days_are_two_days_of_hours(came: datetime, due: datetime):
    assert due_after(came) == due


def test_holidays_of_the_owners_country_are_free():
    work(country="DE-BY", zone="UTC")

    assert due_after(at(12, 23, 10)) == at(12, 28, 10)  # 25 is a holiday, then a weekend


def test_hours_are_the_owners_also_when_the_clocks_change():
    work(zone="America/New_York", opens=8, closes=12)

    # Friday, 30 October 2026, 11:00 in New York; winter time begins on Sunday.
    assert due_after(at(10, 30, 15)) == datetime(2026, 11, 3, 16, tzinfo=UTC)


def test_a_vacation_without_end_does_not_hang():
    Vacation.objects.create(starts_on=date(2026, 1, 1), ends_on=date(2099, 1, 1))

    assert due_after(MONDAY) > MONDAY + timedelta(days=700)


def test_an_owner_who_works_until_midnight():
    work(opens=0, closes=24, weekdays="1234567")

    assert due_after(at(8, 3, 10)) == at(8, 5, 10)


@pytest.mark.parametrize(
    "fields",
    [{"zone": "Moon/Base"}, {"country": "XX"}, {"country": "DE-XX"}, {"country": "registry"},
     {"weekdays": "8"}, {"weekdays": "21"}],
)  # fmt: skip
def test_working_time_that_cannot_be_is_refused(fields: dict[str, str]):
    with pytest.raises(ValidationError):
        WorkingTime(**fields).full_clean()


@given(after=st.integers(0, 2 * 365 * 24 * 60), minutes=st.integers(0, 5_000))
def test_what_was_added_is_what_lies_between(after: int, minutes: int):
    start = MONDAY + timedelta(minutes=after)
    calendar: Calendar = read_calendar()
    span = timedelta(minutes=minutes)

    end = calendar.add(start, span)

    assert calendar.between(start, end) == span
    assert calendar.between(end, start) == timedelta() or end <= start
