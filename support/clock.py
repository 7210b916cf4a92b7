"""Business time: the owner's hours, without weekends, holidays and vacations.

Two working days are two of his days' hours: what comes on Monday at 10:00 is due on Wednesday at
10:00, what comes on Saturday is due on Tuesday evening.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from django.db.models import Subquery, Value
from django.db.models.functions import Coalesce

from support.models import Vacation, WorkingTime

ANSWER_WITHIN_DAYS = 2  # working days
LOOK_AHEAD_DAYS = 800  # nobody is away for longer


@dataclass(frozen=True)
class Calendar:
    """The owner's hours and days off, read once."""

    zone: ZoneInfo
    weekdays: frozenset[int]  # 1 is Monday
    opens: int
    closes: int
    country: str
    vacations: tuple[tuple[date, date], ...]

    @property
    def day_length(self) -> timedelta:
        return timedelta(hours=self.closes - self.opens)

    def add(self, at: datetime, span: timedelta) -> datetime:
        """The moment when *span* of working time has passed since *at*."""
        for starts_at, ends_at in self._hours(at):
            begin = max(at, starts_at)
            if ends_at - begin >= span:
                return begin + span
            span -= max(ends_at - begin, timedelta())
        return at + timedelta(days=LOOK_AHEAD_DAYS)

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Working time from *start* to *end*; nothing when *end* is not later."""
        total = timedelta()
        for starts_at, ends_at in self._hours(start):
            if starts_at >= end:
                break
            total += max(min(ends_at, end) - max(starts_at, start), timedelta())
        return total

    def vacation_at(self, start: datetime, end: datetime) -> tuple[date, date] | None:
        """The first vacation that the time from *start* to *end* meets."""
        first, last = start.astimezone(self.zone).date(), end.astimezone(self.zone).date()
        met = [one for one in self.vacations if one[0] <= last and one[1] >= first]
        return met[0] if met else None

    def brief(self, moment: datetime | None) -> str:
        """The same for a table that names the zone: "Tue 4 Aug, 17:00"."""
        local = moment.astimezone(self.zone) if moment else None
        return f"{local:%a} {local.day} {local:%b, %H:%M}" if local else ""

    def _hours(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Begin and end of each working day from the day of *at* on, in UTC."""
        first = at.astimezone(self.zone).date()
        for number in range(LOOK_AHEAD_DAYS):
            day = first + timedelta(days=number)
            if self._is_working(day):
                yield self._moment(day, self.opens), self._moment(day, self.closes)

    def _moment(self, day: date, hour: int) -> datetime:
        midnight = datetime.combine(day + timedelta(days=hour // 24), time(), self.zone)
        return midnight.replace(hour=hour % 24).astimezone(UTC)

    def _is_working(self, day: date) -> bool:
        away = any(first <= day <= last for first, last in self.vacations)
        is_weekday = day.isoweekday() in self.weekdays
        return is_weekday and not away and day not in _holidays(self.country, day.year)


def local_time(moment: datetime | None, zone: str = "") -> str:
    """A time as the owner's clock shows it, with the zone's name; "" for none.

    *zone* is the owner's, where it was read already (`owners_zone`).
    """
    if moment is None:
        return ""
    local = moment.astimezone(ZoneInfo(zone or _read_hours().zone))
    return f"{local:%A}, {local.day} {local:%B %Y, %H:%M} {local.tzname()}"


def owners_zone() -> Coalesce:
    """To annotate rows with: the name of the owner's time zone."""
    only = WorkingTime.objects.filter(pk=WorkingTime.ONLY).values("zone")
    return Coalesce(Subquery(only), Value(WorkingTime().zone))


def _read_hours() -> WorkingTime:
    return WorkingTime.objects.filter(pk=WorkingTime.ONLY).first() or WorkingTime()


def read_calendar() -> Calendar:
    row = _read_hours()
    return Calendar(
        zone=ZoneInfo(row.zone),
        weekdays=frozenset(int(day) for day in row.weekdays),
        opens=row.opens,
        closes=row.closes,
        country=row.country,
        vacations=tuple(Vacation.objects.values_list("starts_on", "ends_on")),
    )


def full_span() -> timedelta:
    """The working time within which the owner answers."""
    return read_calendar().day_length * ANSWER_WITHIN_DAYS


def due_after(at: datetime) -> datetime:
    """When a ticket that was opened at *at* is to be answered."""
    calendar = read_calendar()
    return calendar.add(at, calendar.day_length * ANSWER_WITHIN_DAYS)


@cache
def _holidays(country: str, year: int) -> frozenset[date]:
    if not country:
        return frozenset()
    from holidays import country_holidays  # noqa: PLC0415  loads for a second; few need it

    code, _, subdivision = country.partition("-")
    days: Iterable[date] = country_holidays(code, subdiv=subdivision or None, years=year)
    return frozenset(days)
