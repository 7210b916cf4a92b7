"""The nightly snapshots: kept once a day, read back for any day, compared with what is now."""

from datetime import date, datetime

from django.db import transaction
from django.db.models import Max, OuterRef, Subquery

from billing.models import GuaranteeRefund
from portal.figures.arr import arr_lines, by_customer
from portal.figures.movements import Movements, movements
from portal.models import ArrChange, DailyMetric


def keep_metrics(at: datetime) -> int:
    """Keep today's figures, once, by whichever worker comes first; 1 if this call did."""
    today = at.date()
    if DailyMetric.objects.filter(day=today).exists():
        return 0
    lines = arr_lines(at)
    now = by_customer(lines)
    with transaction.atomic():
        _, is_first = DailyMetric.objects.get_or_create(
            day=today,
            defaults={
                "arr_cents": sum(now.values()),
                "leaving_cents": sum(line.cents for line in lines if line.is_leaving),
                "customers": len(now),
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


def movements_between(start: date, end: date, now: dict[int, int] | None = None) -> Movements:
    """From the beginning of one day to that of another, or to *now* for a month that still runs."""
    before = ArrChange.objects.filter(day__lte=start, arr_cents__gt=0)
    refunds = GuaranteeRefund.objects.filter(
        cause=GuaranteeRefund.Cause.GUARANTEE,
        requested_at__date__gte=start,
        requested_at__date__lte=end,
    )
    return movements(
        kept_on(start),
        kept_on(end) if now is None else now,
        known_before=set(before.values_list("customer_id", flat=True)),
        given_back=set(refunds.values_list("subscription__customer_id", flat=True)),
    )


def _changed(before: dict[int, int], after: dict[int, int]) -> dict[int, int]:
    both = before.keys() | after.keys()
    return {one: after.get(one, 0) for one in both if before.get(one, 0) != after.get(one, 0)}
