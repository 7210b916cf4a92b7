"""What support costs the owner: tickets that customers opened, and how soon they were answered."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from statistics import median

from django.db.models import Min, Q

from licenses.entitlements import support_allowances
from support.models import Message, Ticket
from support.models.tickets import TicketQuerySet
from support.quota import numbers_in_quarter

MONTH = timedelta(days=30)
WEEKS = 12
NEW = timedelta(days=30)  # for so long a customer is new


@dataclass(frozen=True)
class Load:
    """Of some tickets. Spans are the owner's working time."""

    tickets: Sequence[Ticket]

    @property
    def number(self) -> int:
        return len(self.tickets)

    @property
    def by_cause(self) -> list[tuple[str, int]]:
        """The most frequent first."""
        return Counter(one.get_cause_display().lower() for one in self.tickets).most_common()

    @property
    def of_new_customers(self) -> int:
        return sum(one.opened_at < one.customer.created_at + NEW for one in self.tickets)

    @property
    def first_answer(self) -> timedelta | None:
        """The median, of those that were answered."""
        return _median(one.answered_in_seconds for one in self.tickets)

    @property
    def unanswered(self) -> int:
        return sum(one.answered_in_seconds is None for one in self.tickets)

    def per_hundred(self, customers: int) -> float | None:
        return 100 * self.number / customers if customers else None

    def share_within(self, promised: timedelta) -> float | None:
        """Of those that were answered: in that time."""
        took = [one.answered_in_seconds for one in self.tickets]
        answered = [seconds for seconds in took if seconds is not None]
        if not answered:
            return None
        return sum(seconds <= promised.total_seconds() for seconds in answered) / len(answered)


@dataclass
class Week:
    """Seven days from a Monday (UTC)."""

    first_day: date
    opened: int = 0
    answered: int = 0  # for the first time, whenever they were opened
    took: list[int] = field(default_factory=list)  # seconds, of the answered

    @property
    def first_answer(self) -> timedelta | None:
        return _median(self.took)


def load_of(at: datetime) -> Load:
    """The tickets of the last 30 days; one query."""
    rows = _opened().filter(opened_at__gt=at - MONTH, opened_at__lte=at)
    return Load(list(rows.select_related("customer").order_by("-opened_at", "-pk")))


def weeks_of(at: datetime) -> list[Week]:
    """The last twelve, this one last; one query."""
    monday = at.date() - timedelta(days=at.weekday())
    days = [monday - timedelta(weeks=number) for number in reversed(range(WEEKS))]
    weeks = {day: Week(day) for day in days}
    since = datetime.combine(days[0], time(), UTC)
    answer = Min("messages__at", filter=Q(messages__kind=Message.Kind.OWNER))
    rows = _opened().annotate(answered_at=answer)
    lately = rows.filter(Q(opened_at__gte=since) | Q(answered_at__gte=since)).order_by()
    for opened_at, answered_at, seconds in lately.values_list(
        "opened_at", "answered_at", "answered_in_seconds"
    ):
        opened, answered = _week(weeks, opened_at), _week(weeks, answered_at)
        if opened:
            opened.opened += 1
        if answered:
            answered.answered += 1
            answered.took += [] if seconds is None else [seconds]
    return list(weeks.values())


def share_over_allowance(tickets: Sequence[Ticket], at: datetime) -> float | None:
    """Of the tickets that count: above what their customer's licenses of today include."""
    numbers = numbers_in_quarter(tickets)
    allowances = support_allowances([one.customer_id for one in tickets], at)
    counted = [one for one in tickets if numbers[one.pk]]
    if not counted:
        return None
    over = sum(numbers[one.pk] > allowances.get(one.customer_id, 0) for one in counted)
    return over / len(counted)


def _opened() -> TicketQuerySet:
    """What customers opened, each matter once."""
    return Ticket.objects.filter(opened_by=Ticket.Side.CUSTOMER, merged_into=None)


def _week(weeks: dict[date, Week], at: datetime | None) -> Week | None:
    return weeks.get(at.date() - timedelta(days=at.weekday())) if at else None


def _median(seconds: Iterable[int | None]) -> timedelta | None:
    known = [one for one in seconds if one is not None]
    return timedelta(seconds=median(known)) if known else None
