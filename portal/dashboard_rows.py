"""Behind each figure of the dashboard: the rows that sum to it."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.models import Subscription
from lib.money import format_cents
from licenses.models import Customer
from portal.dashboard_table import Cell, Table, show
from portal.figures.arr import ArrLine, arr_lines, by_customer
from portal.figures.history import moves_of
from portal.figures.installs import Install, first_installs
from portal.figures.movements import Kind, Move
from portal.figures.past import Difference, only_given_up, read_ledger, recompute
from portal.figures.renewals import Term, Unearned, terms_over, unearned
from portal.owner_site import owners

DAYS = 365  # that are computed anew


@owners
@require_safe
@never_cache
def arr_rows(request: HttpRequest) -> HttpResponse:
    lines = arr_lines(timezone.now())
    total = format_cents(sum(line.cents for line in lines))
    columns = ("Customer", "Subscription", "What", "", "A year")
    table = Table(f"{total} a year", "The rows of the ARR.", columns, lines, _arr, total)
    return show(request, table)


@owners
@require_safe
@never_cache
def renewal_rows(request: HttpRequest) -> HttpResponse:
    at = timezone.now()
    terms = terms_over(read_ledger(at), at)
    meaning = "Each paid year that ended within the last 365 days, and what came of it."
    columns = ("Customer", "Subscription", "Ended", "A year", "Outcome")
    return show(request, Table("Renewals", meaning, columns, terms, _terms))


@owners
@require_safe
@never_cache
def deferred_rows(request: HttpRequest) -> HttpResponse:
    at = timezone.now()
    found = unearned(arr_lines(at), at)
    total = format_cents(sum(one.cents for one in found))
    meaning = "Paid for a year that still runs: the part of the days to come."
    columns = ("Customer", "Subscription", "Runs until", "Paid", "Not earned yet")
    title = f"{total} not earned yet"
    return show(request, Table(title, meaning, columns, found, _unearned, total))


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
    total = format_cents(sum(move.after - move.before for move in moves))
    meaning = "Each customer's ARR when the month began and when it ended, or now."
    columns = ("Customer", "What", "Before", "After", "Difference")
    title = f"What moved in {first:%B %Y}"
    return show(request, Table(title, meaning, columns, moves, _moves, total))


@owners
@require_safe
@never_cache
def install_rows(request: HttpRequest) -> HttpResponse:
    meaning = (
        "Each customer who paid for the first time within 90 days, and when a key was first used."
    )
    columns = ("Customer", "Subscription", "Paid", "First use", "Took")
    found = first_installs(timezone.now())
    return show(request, Table("From paid to installed", meaning, columns, found, _installs))


@owners
@require_safe
@never_cache
def recomputed_rows(request: HttpRequest) -> HttpResponse:
    """A year of snapshots against the ledger: the days that differ, and why."""
    today = timezone.now().date()
    found = recompute(today - timedelta(days=DAYS), today)
    meaning = "Every night of the last year computed anew from the ledger; only what differs."
    columns = ("Day", "Customer", "Kept", "Computed", "Why")
    title = f"{len(found)} difference{'' if len(found) == 1 else 's'}"
    return show(request, Table(title, meaning, columns, found, _differences))


def shown_span(span: timedelta | None) -> str:
    """`3 min`, `5 h`, `2 days`; a dash for None."""
    if span is None:
        return "-"
    minutes = span.total_seconds() / 60
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days"


def _arr(lines: Sequence[ArrLine]) -> list[list[Cell]]:
    return [
        [
            _customer(line.subscription.customer),
            _subscription(line.subscription),
            Cell(_what(line.subscription)),
            Cell(_state(line)),
            Cell(format_cents(line.cents)),
        ]
        for line in lines
    ]


def _terms(terms: Sequence[Term]) -> list[list[Cell]]:
    names = _customers([term.subscription.customer_id for term in terms])
    return [
        [
            names[term.subscription.customer_id],
            _subscription(term.subscription),
            Cell(f"{term.ended_at:%Y-%m-%d}"),
            Cell(format_cents(term.cents)),
            Cell(term.outcome),
        ]
        for term in terms
    ]


def _unearned(found: Sequence[Unearned]) -> list[list[Cell]]:
    return [
        [
            _customer(one.subscription.customer),
            _subscription(one.subscription),
            Cell(f"{one.subscription.current_period_end:%Y-%m-%d}"),
            Cell(format_cents(one.paid_cents)),
            Cell(format_cents(one.cents)),
        ]
        for one in found
    ]


def _moves(moves: Sequence[Move]) -> list[list[Cell]]:
    names = _customers([move.customer_id for move in moves])
    return [
        [
            names[move.customer_id],
            Cell(move.kind.replace("_", " ")),
            Cell(format_cents(move.before)),
            Cell(format_cents(move.after)),
            Cell(format_cents(move.after - move.before)),
        ]
        for move in moves
    ]


def _installs(found: Sequence[Install]) -> list[list[Cell]]:
    return [
        [
            _customer(one.subscription.customer),
            _subscription(one.subscription),
            Cell(_minute(one.paid_at)),
            Cell(_minute(one.used_at) if one.used_at else "not yet"),
            Cell(shown_span(one.took)),
        ]
        for one in found
    ]


def _differences(found: Sequence[Difference]) -> list[list[Cell]]:
    names = _customers([one.customer_id for one in found])
    return [
        [
            Cell(f"{one.day}"),
            names[one.customer_id],
            Cell(format_cents(one.kept)),
            Cell(format_cents(one.computed)),
            Cell(one.cause),
        ]
        for one in found
    ]


def _subscription(row: Subscription) -> Cell:
    return Cell(row.stripe_id, reverse("admin:billing_subscription_change", args=[row.pk]))


def _customer(row: Customer) -> Cell:
    return Cell(str(row), reverse("admin:licenses_customer_change", args=[row.pk]))


def _what(row: Subscription) -> str:
    return f"{row.quantity} × {row.price.tier}, by the {row.price.interval}"  # noqa: RUF001


def _state(line: ArrLine) -> str:
    if line.is_leaving:
        return f"ends {line.subscription.cancel_at:%Y-%m-%d}"
    return "" if line.subscription.status == "active" else line.subscription.status


def _customers(ids: Sequence[int]) -> dict[int, Cell]:
    return {pk: _customer(row) for pk, row in Customer.objects.in_bulk(set(ids)).items()}


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
