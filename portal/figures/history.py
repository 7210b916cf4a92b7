"""The nightly snapshots: kept once a day, read back for any day, compared with what is now."""

from collections.abc import Set as AbstractSet
from datetime import date, datetime

from django.db import transaction
from django.db.models import Max, OuterRef, Subquery

from billing.ledger import begin_ledger
from billing.models import GuaranteeRefund
from portal.figures.arr import arr_lines, by_customer
from portal.figures.movements import Move, Movements, add_up, moves_between
from portal.models import ArrChange, DailyMetric


def keep_metrics(at: datetime) -> int:
    """Keep today's figures, once, by whichever worker comes first; 1 if this call did."""
    today = at.date()
    if DailyMetric.objects.filter(day=today).exists():
        return 0
    begin_ledger(at)
    lines = arr_lines(at)
    now = by_customer(lines)
    with transaction.atomic():
        _, is_first = DailyMetric.objects.get_or_create(
            day=today,
            defaults={
                "arr_cents": sum(now.values()),
                "leaving_cents": sum(line.cents for line in lines if line.is_leaving),
                "customers": len(now),
                "kept_at": at,
            },
        )
        if not is_first:
            return 0
        ArrChange.objects.bulk_create(
            ArrChange(day=today, customer_id=customer, arr_cents=cents)
            for customer, cents in sorted(_changed(kept_on(today), now).items())
        )
    return 1


def kept_on(day: date) -> dict[int, int]:
    """customer → cents a year as *day* began; whoever was worth nothing is left out."""
    newest = (
        ArrChange.objects.filter(customer=OuterRef("customer"), day__lte=day)
        .order_by("-day")
        .values("pk")[:1]
    )
    rows = ArrChange.objects.filter(day__lte=day, pk=Subquery(newest))
    return dict(rows.exclude(arr_cents=0).values_list("customer_id", "arr_cents"))


def differences(at: datetime) -> dict[int, tuple[int, int]]:
    """customer → (kept, now) where the newest snapshot and the rows of now are not the same."""
    last = DailyMetric.objects.aggregate(day=Max("day"))["day"]
    kept, now = kept_on(last) if last else {}, by_customer(arr_lines(at))
    return {one: (kept.get(one, 0), now.get(one, 0)) for one in _changed(kept, now)}


def moves_of(
    start: date,
    end: date,
    now: dict[int, int] | None = None,
    *,
    given_up: AbstractSet[int] = frozenset(),
) -> list[Move]:
    """From the beginning of one day to that of another, or to *now* for a month that still runs.

    *given_up*: customers who had only products that are closing or retired.
    """
    return _moves(_History(), start, end, now, given_up)


def movements_between(start: date, end: date, now: dict[int, int] | None = None) -> Movements:
    return add_up(moves_of(start, end, now))


def movements_by_month(
    at: datetime,
    now: dict[int, int],
    *,
    given_up: AbstractSet[int] = frozenset(),
    number: int = 12,
) -> list[tuple[date, Movements]]:
    """(first day, movements) of the last so many months, the running one last; two queries."""
    history, months = _History(), first_days(at, number)
    found = []
    for first, following in zip(months, [*months[1:], None], strict=True):
        end = following or at.date()
        moves = _moves(history, first, end, None if following else now, given_up)
        found.append((first, add_up(moves)))
    return found


def first_days(at: datetime, number: int) -> list[date]:
    """The first days of the last so many months, the running one last."""
    months = at.year * 12 + at.month - 1
    return [date(n // 12, n % 12 + 1, 1) for n in range(months - number + 1, months + 1)]


class _History:
    """All changes, and all that went back by the guarantee, read once for any number of spans."""

    def __init__(self) -> None:
        rows = ArrChange.objects.order_by("day", "pk")
        self.changes = list(rows.values_list("day", "customer_id", "arr_cents"))
        refunds = GuaranteeRefund.objects.filter(cause=GuaranteeRefund.Cause.GUARANTEE)
        self.refunds = [
            (requested_at.date(), customer)
            for requested_at, customer in refunds.values_list(
                "requested_at", "subscription__customer_id"
            )
        ]

    def on(self, day: date) -> tuple[dict[int, int], set[int]]:
        """What each was worth as *day* began, and who was ever worth something until then."""
        held = {customer: cents for on, customer, cents in self.changes if on <= day}
        known = {customer for on, customer, cents in self.changes if on <= day and cents}
        return {customer: cents for customer, cents in held.items() if cents}, known


def _moves(
    history: _History,
    start: date,
    end: date,
    now: dict[int, int] | None,
    given_up: AbstractSet[int],
) -> list[Move]:
    before, known = history.on(start)
    return moves_between(
        before,
        history.on(end)[0] if now is None else now,
        known_before=known,
        given_back={customer for on, customer in history.refunds if start <= on <= end},
        retired=given_up,
    )


def _changed(before: dict[int, int], after: dict[int, int]) -> dict[int, int]:
    both = before.keys() | after.keys()
    return {one: after.get(one, 0) for one in both if before.get(one, 0) != after.get(one, 0)}
