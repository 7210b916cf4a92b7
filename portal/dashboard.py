"""The owner's one screen: what it is worth, what moves, what comes in, and what needs him."""

from datetime import date, datetime
from itertools import dropwhile
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.models import LedgerEntry, OwnerNotice
from lib.money import format_cents
from portal.dashboard_cash import cash_of
from portal.dashboard_concentration import concentration_figures
from portal.dashboard_figures import Figure, percent
from portal.dashboard_offers import newest_offers
from portal.dashboard_rows import shown_span
from portal.dashboard_support import support_figures
from portal.figures.arr import ArrLine, by_currency, by_customer
from portal.figures.history import movements_by_month
from portal.figures.installs import Install, first_installs, median_time, never_installed
from portal.figures.movements import Movements, movements
from portal.figures.past import only_given_up, read_ledger, worth_by_product
from portal.figures.renewals import Outcome, renewal_rate, terms_over, unearned
from portal.figures.support_load import load_of
from portal.owner_site import owners

SHOWN = 20
CURRENCY = "usd"  # of every figure


@owners
@require_safe
@never_cache
def dashboard(request: HttpRequest) -> HttpResponse:
    at = timezone.now()
    worth, entries = by_currency(at), read_ledger(at)
    lines = worth.pop(CURRENCY, [])
    installs = first_installs(at)
    now, given_up = by_customer(lines), only_given_up(entries)
    moved = movements_by_month(at, now, given_up=given_up)
    context = {
        "worth": _worth(lines),
        "elsewhere": [_elsewhere(currency, sold) for currency, sold in sorted(worth.items())],
        "kept": _kept(lines, entries, moved[-1][1], at),
        "concentration": concentration_figures(lines, [one for _, one in _begun(moved)]),
        "moved": [(day, _moved(one)) for day, one in reversed(_begun(moved))],
        "products": _products(entries, given_up, at),
        "cash": cash_of(at),
        "offers": newest_offers(at),
        "needs_him": OwnerNotice.objects.filter(needs_him=True, closed_at=None)[:SHOWN],
        "never_installed": never_installed(installs, at)[:SHOWN],
        "install": _install(installs),
        "support": support_figures(load_of(at), len(now)),
    }
    return render(request, "portal/dashboard.html", context)


def _worth(lines: list[ArrLine]) -> list[Figure]:
    total = sum(line.cents for line in lines)
    leaving = sum(line.cents for line in lines if line.is_leaving)
    customers = len(by_customer(lines))
    each = format_cents(round(total / customers)) if customers else "-"
    return [
        Figure(
            "ARR",
            format_cents(total),
            "What the subscriptions that run are worth a year: active, or past due inside the "
            "grace; a month counts twelve times; before tax and promotion codes.",
        ),
        Figure("MRR", format_cents(round(total / 12)), "ARR / 12, rounded once."),
        Figure("Leaving", format_cents(leaving), "Of the ARR: canceled, and not over yet."),
        Figure("Customers", f"{customers:,}", "Who has a subscription that counts."),
        Figure("Each", each, "ARR / customers."),
    ]


def _elsewhere(currency: str, lines: list[ArrLine]) -> str:
    """What no figure of this page counts."""
    total = format_cents(sum(line.cents for line in lines), currency)
    return f"{total} a year of {len(lines)} subscription{'' if len(lines) == 1 else 's'}"


def _kept(
    lines: list[ArrLine], entries: list[LedgerEntry], moved: Movements, at: datetime
) -> list[Figure]:
    terms = terms_over(entries, at)
    still_open = sum(term.outcome == Outcome.OPEN for term in terms)
    deferred = sum(one.cents for one in unearned(lines, at))
    return [
        Figure(
            "Renewal rate",
            percent(renewal_rate(terms)),
            f"Of the paid years that ended within 365 days: renewed / due. {len(terms)} ended, "
            f"{still_open} of them are not paid yet and count on neither side.",
            "portal:renewal_rows",
        ),
        Figure(
            "Not earned yet",
            format_cents(deferred),
            "Deferred: what was paid for years that still run, for the days to come.",
            "portal:deferred_rows",
        ),
        *_stayed(moved, at.date()),
    ]


def _stayed(moved: Movements, today: date) -> list[Figure]:
    """Of the running month."""
    month: dict[str, Any] = {"rows": "portal:movement_rows", "month": today}
    return [
        Figure(
            "Net retention",
            percent(moved.net_retention),
            "This month: (start - churned - contraction + expansion) / start.",
            **month,
        ),
        Figure(
            "Churn",
            percent(moved.gross_churn),
            "This month: (churned + contraction) / start. Net of expansion and reactivation: "
            f"{percent(moved.net_churn)}.",
            **month,
        ),
        Figure(
            "Customers lost",
            percent(moved.logo_churn),
            f"This month: {moved.customers_lost} lost / {moved.customers_at_start} at its start.",
            **month,
        ),
    ]


def _begun(months: list[tuple[date, Movements]]) -> list[tuple[date, Movements]]:
    """Without the months before the first sale."""
    begun = dropwhile(lambda one: not one[1].start and not one[1].end, months[:-1])
    return [*begun, months[-1]]


def _moved(moved: Movements) -> list[str]:
    """Start, what came, what went, end: they sum."""
    return [
        format_cents(cents)
        for cents in (
            moved.start,
            moved.new,
            moved.reactivation,
            moved.expansion,
            -moved.contraction,
            -moved.churned,
            -moved.retired,
            -moved.given_back,
            moved.end,
        )
    ]


def _products(
    entries: list[LedgerEntry], given_up: set[int], at: datetime
) -> list[tuple[str, list[str]]]:
    """The running month by product, once there are two; who changes products is lost and new."""
    start = worth_by_product(entries, at.replace(day=1, hour=0, minute=0, second=0, microsecond=0))
    end = worth_by_product(entries, at)
    if len(end) < 2:
        return []
    return [
        (
            f"{product} ({product.status})",
            _moved(
                movements(
                    start.get(product, {}),
                    end[product],
                    known_before={one for one, cents in start.get(product, {}).items() if cents},
                    given_back=set(),
                    retired=given_up if product.status in product.GIVEN_UP else set(),
                )
            ),
        )
        for product in sorted(end, key=str)
    ]


def _install(installs: list[Install]) -> dict[str, Any]:
    """How long it takes from the money to the first use of a key."""
    got_there = [one for one in installs if one.took is not None]
    return {"median": shown_span(median_time(installs)), "number": len(got_there)}
