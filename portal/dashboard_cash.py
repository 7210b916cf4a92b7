"""What came in, by month, quarter and year, and the goal beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from lib.money import format_cents
from portal.chart import FLOOR, HEIGHT, WIDTH, bars, line_at
from portal.dashboard_figures import percent
from portal.figures.cash import Span, all_months, begun, quarter_of, quarters_of, years_of
from portal.owner_site import owners

SHOWN_MONTHS = 12
SHOWN_QUARTERS = 8


@dataclass(frozen=True)
class CashRow:
    """A line of a table of cash: a span's name, its numbers, and where its rows are."""

    name: str
    cells: tuple[str, ...]
    url: str = ""
    anchor: str = ""


@owners
@require_safe
@never_cache
def cash_rows(request: HttpRequest) -> HttpResponse:
    """A table for each year: months, below three of them the quarter, at the end the year."""
    months = all_months(timezone.now())
    tables = [(f"{one.first_day.year}", _table(one, months)) for one in reversed(years_of(months))]
    return render(request, "portal/dashboard_cash.html", {"years": tables})


def cash_of(at: datetime) -> dict[str, Any]:
    """For the dashboard; one query."""
    all_of_it = all_months(at, SHOWN_MONTHS)
    lately, since = all_of_it[-SHOWN_MONTHS:], begun(all_of_it)
    values = [(f"{one.first_day:%b}", one.net, format_cents(one.net)) for one in lately]
    goal = settings.MONTHLY_GOAL * 100
    return {
        "months": [[_month(one) for one in reversed(begun(lately))]],
        "spans": [
            [_span(_quarter(one), one) for one in reversed(quarters_of(since)[-SHOWN_QUARTERS:])],
            [_span(f"{one.first_day.year}", one) for one in reversed(years_of(since))],
        ],
        "bars": bars(values, beside=goal),
        "chart": (WIDTH, HEIGHT, HEIGHT - FLOOR / 3),
        "goal": goal_sentence(since[:-1], goal) if goal else "",
        "goal_y": line_at(values, beside=goal) if goal else None,
    }


def goal_sentence(months: Sequence[Span], goal: int) -> str:
    """How the full *months* stand beside the *goal*, in cents a month."""
    text = f"The goal is {format_cents(goal)} a month (MONTHLY_GOAL)"
    if not months:
        return f"{text}; no month is full yet."
    year = months[-12:]
    share = sum(one.net for one in year) / (goal * len(year))
    span = "last full month" if len(year) == 1 else f"last {len(year)} full months"
    reached = [one for one in months if one.net >= goal]
    when = "It was never reached"
    if reached:
        often = {1: "once", 2: "twice"}.get(len(reached), f"{len(reached)} times")
        when = f"It was reached {often}, first in {reached[0].first_day:%Y-%m}"
    return f"{text}; the {span} brought {share:.0%} of it. {when}."


def _table(year: Span, months: Sequence[Span]) -> list[list[CashRow]]:
    """A group of rows for each quarter, newest first, and one for the year."""
    groups = []
    inside = [one for one in months if one.first_day.year == year.first_day.year]
    for quarter in reversed(quarters_of(inside)):
        rows = [_month(one) for one in inside if quarter_of(one.first_day) == quarter.first_day]
        name = _quarter(quarter)
        groups.append([*reversed(rows), CashRow(name, _cells(quarter), anchor=name)])
    name = f"{year.first_day.year}"
    return [*groups, [CashRow(f"All of {name}", _cells(year), anchor=name)]]


def _month(span: Span) -> CashRow:
    day = span.first_day
    url = reverse("portal:month_csv", args=[day.year, day.month])
    return CashRow(f"{day:%Y-%m}", _cells(span), url)


def _span(name: str, span: Span) -> CashRow:
    """A quarter or a year on the dashboard."""
    return CashRow(name, _cells(span), f"{reverse('portal:cash_rows')}#{name}")


def _quarter(span: Span) -> str:
    """`2026-Q4`: its name, and its place on the page."""
    return f"{span.first_day.year}-Q{(span.first_day.month + 2) // 3}"


def _cells(span: Span) -> tuple[str, ...]:
    amounts = (span.received, span.refunded, span.disputed, span.net)
    rates = (span.refund_rate, span.refund_rate_of_money, span.dispute_rate)
    return (
        *(format_cents(cents) for cents in amounts),
        str(span.purchases),
        *("" if rate is None else percent(rate) for rate in rates),
    )
