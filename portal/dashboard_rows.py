"""Behind each figure of the dashboard: the rows that sum to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.models import Subscription
from lib.money import format_cents
from licenses.models import Customer
from portal.figures.arr import ArrLine, arr_lines, by_customer
from portal.figures.history import moves_of
from portal.figures.installs import first_installs
from portal.figures.movements import Kind
from portal.figures.past import only_given_up, read_ledger, recompute
from portal.figures.renewals import terms_over, unearned
from portal.owner_site import owners

DAYS = 365  # that are computed anew


@dataclass(frozen=True)
class Cell:
    text: str
    url: str = ""


@dataclass(frozen=True)
class Rows:
    """A table; `total` stands under its last column."""

    title: str
    meaning: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    total: str = ""


@owners
@require_safe
@never_cache
def arr_rows(request: HttpRequest) -> HttpResponse:
    lines = arr_lines(timezone.now())
    total = format_cents(sum(line.cents for line in lines))
    rows = [
        [
            Cell(str(line.subscription.customer)),
            _subscription(line.subscription),
            Cell(_what(line.subscription)),
            Cell(_state(line)),
            Cell(format_cents(line.cents)),
        ]
        for line in lines
    ]
    columns = ("Customer", "Subscription", "What", "", "A year")
    return _show(request, Rows(f"{total} a year", "The rows of the ARR.", columns, rows, total))


@owners
@require_safe
@never_cache
def renewal_rows(request: HttpRequest) -> HttpResponse:
    at = timezone.now()
    terms = terms_over(read_ledger(at), at)
    names = _customers([term.subscription.customer_id for term in terms])
    rows = [
        [
            names[term.subscription.customer_id],
            _subscription(term.subscription),
            Cell(f"{term.ended_at:%Y-%m-%d}"),
            Cell(format_cents(term.cents)),
            Cell(term.outcome),
        ]
        for term in terms
    ]
    meaning = "Each paid year that ended within the last 365 days, and what came of it."
    columns = ("Customer", "Subscription", "Ended", "A year", "Outcome")
    return _show(request, Rows("Renewals", meaning, columns, rows))


@owners
@require_safe
@never_cache
def deferred_rows(request: HttpRequest) -> HttpResponse:
    at = timezone.now()
    found = unearned(arr_lines(at), at)
    rows = [
        [
            Cell(str(one.subscription.customer)),
            _subscription(one.subscription),
            Cell(f"{one.subscription.current_period_end:%Y-%m-%d}"),
            Cell(format_cents(one.paid_cents)),
            Cell(format_cents(one.cents)),
        ]
        for one in found
    ]
    total = format_cents(sum(one.cents for one in found))
    meaning = "Paid for a year that still runs: the part of the days to come."
    columns = ("Customer", "Subscription", "Runs until", "Paid", "Not earned yet")
    return _show(request, Rows(f"{total} not earned yet", meaning, columns, rows, total))


@owners
@require_safe
@never_cache
def movement_rows(request: HttpRequest, year: int, month: int) -> HttpResponse:
    """Every customer whose ARR moved in the month (UTC)."""
    at = timezone.now()
    if not 1 <= month <= 12 or not 2000 <= year <= at.year:
        raise Http404
    first, following = date(year, month, 1), date(year + month // 12, month % 12 + 1, 1)
    now = by_customer(arr_lines(at)) if following > at.date() else None
    moves = moves_of(first, following, now, given_up=only_given_up(read_ledger(at)))
    moves = [move for move in moves if move.kind != Kind.UNCHANGED]
    names = _customers([move.customer_id for move in moves])
    rows = [
        [
            names[move.customer_id],
            Cell(move.kind.replace("_", " ")),
            Cell(format_cents(move.before)),
            Cell(format_cents(move.after)),
            Cell(format_cents(move.after - move.before)),
        ]
        for move in moves
    ]
    total = format_cents(sum(move.after - move.before for move in moves))
    meaning = "Each customer's ARR when the month began and when it ended, or now."
    columns = ("Customer", "What", "Before", "After", "Difference")
    return _show(request, Rows(f"What moved in {first:%B %Y}", meaning, columns, rows, total))


@owners
@require_safe
@never_cache
def install_rows(request: HttpRequest) -> HttpResponse:
    rows = [
        [
            Cell(str(one.subscription.customer)),
            _subscription(one.subscription),
            Cell(_minute(one.paid_at)),
            Cell(_minute(one.used_at) if one.used_at else "not yet"),
            Cell(shown_span(one.took)),
        ]
        for one in first_installs(timezone.now())
    ]
    meaning = (
        "Each customer who paid for the first time within 90 days, and when a key was first used."
    )
    columns = ("Customer", "Subscription", "Paid", "First use", "Took")
    return _show(request, Rows("From paid to installed", meaning, columns, rows))


@owners
@require_safe
@never_cache
def recomputed_rows(request: HttpRequest) -> HttpResponse:
    """A year of snapshots against the ledger: the days that differ, and why."""
    today = timezone.now().date()
    found = recompute(today - timedelta(days=DAYS), today)
    names = _customers([one.customer_id for one in found])
    rows = [
        [
            Cell(f"{one.day}"),
            names[one.customer_id],
            Cell(format_cents(one.kept)),
            Cell(format_cents(one.computed)),
            Cell(one.cause),
        ]
        for one in found
    ]
    meaning = "Every night of the last year computed anew from the ledger; only what differs."
    columns = ("Day", "Customer", "Kept", "Computed", "Why")
    title = f"{len(found)} difference{'' if len(found) == 1 else 's'}"
    return _show(request, Rows(title, meaning, columns, rows))


def shown_span(span: timedelta | None) -> str:
    """`3 min`, `5 h`, `2 days`; a dash for None."""
    if span is None:
        return "-"
    minutes = span.total_seconds() / 60
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days"


def _show(request: HttpRequest, rows: Rows) -> HttpResponse:
    return render(request, "portal/dashboard_rows.html", {"table": rows})


def _subscription(row: Subscription) -> Cell:
    return Cell(row.stripe_id, reverse("admin:billing_subscription_change", args=[row.pk]))


def _what(row: Subscription) -> str:
    return f"{row.quantity} × {row.price.tier}, by the {row.price.interval}"  # noqa: RUF001


def _state(line: ArrLine) -> str:
    if line.is_leaving:
        return f"ends {line.subscription.cancel_at:%Y-%m-%d}"
    return "" if line.subscription.status == "active" else line.subscription.status


def _customers(ids: Sequence[int]) -> dict[int, Cell]:
    return {
        pk: Cell(str(row), reverse("admin:licenses_customer_change", args=[pk]))
        for pk, row in Customer.objects.in_bulk(set(ids)).items()
    }


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
