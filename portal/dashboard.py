"""The owner's one screen: what it is worth, what moves, what comes in, and what needs him."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.models import OwnerNotice, Subscription
from lib.money import format_cents
from licenses.models import License
from pkgindex.models import Download
from portal.chart import FLOOR, HEIGHT, WIDTH, Bar, bars
from portal.figures.arr import ArrLine, arr_lines, by_customer
from portal.figures.cash import Month, months_of
from portal.figures.concentration import concentrate
from portal.figures.history import movements_between
from portal.figures.movements import Movements
from portal.owner_site import owners
from support.models import Ticket

NOT_INSTALLED_AFTER = timedelta(hours=48)
SHOWN = 20


@dataclass(frozen=True)
class Figure:
    """One number, what it means, and where its rows are."""

    name: str
    value: str
    meaning: str
    rows: str = ""  # a URL's name
    color: str = ""


@owners
@require_safe
@never_cache
def dashboard(request: HttpRequest) -> HttpResponse:
    at = timezone.now()
    lines, months = arr_lines(at), months_of(at)
    this_month = date(at.year, at.month, 1)
    moved = movements_between(this_month, at.date(), now=by_customer(lines))
    context = {
        "worth": _worth(lines),
        "concentration": _concentration(lines),
        "moved": _moved(moved),
        "month": f"{at:%B %Y}",
        "cash": _cash(months),
        "bars": _bars(months),
        "chart": (WIDTH, HEIGHT, HEIGHT - FLOOR / 3),
        "needs_him": OwnerNotice.objects.filter(needs_him=True, closed_at=None)[:SHOWN],
        "never_installed": _never_installed(at),
        "tickets": _tickets(at, len(by_customer(lines))),
    }
    return render(request, "portal/dashboard.html", context)


@owners
@require_safe
@never_cache
def arr_rows(request: HttpRequest) -> HttpResponse:
    """The lines that sum to the ARR."""
    lines = arr_lines(timezone.now())
    rows = [(line, format_cents(line.cents)) for line in lines]
    total = format_cents(sum(line.cents for line in lines))
    return render(request, "portal/dashboard_arr.html", {"rows": rows, "total": total})


def _worth(lines: list[ArrLine]) -> list[Figure]:
    total = sum(line.cents for line in lines)
    leaving = sum(line.cents for line in lines if line.is_leaving)
    rows = "portal:dashboard_arr"
    customers = len(by_customer(lines))
    each = format_cents(round(total / customers)) if customers else "-"
    return [
        Figure(
            "ARR",
            format_cents(total),
            "What the subscriptions that run are worth a year: active, or past due inside the "
            "grace; a month counts twelve times; before tax and promotion codes.",
            rows,
        ),
        Figure("MRR", format_cents(round(total / 12)), "ARR / 12, rounded once.", rows),
        Figure("Leaving", format_cents(leaving), "Of the ARR: canceled, and not over yet.", rows),
        Figure("Customers", f"{customers:,}", "Who has a subscription that counts.", rows),
        Figure("Each", each, "ARR / customers.", rows),
    ]


def _concentration(lines: list[ArrLine]) -> list[Figure]:
    values = by_customer(lines)
    found = concentrate(values.values())
    rows = "portal:dashboard_arr"
    total = sum(values.values())
    largest = max(values.values(), default=0)
    leaves = f"ARR would be {format_cents(total - largest)} without him."
    return [
        Figure(
            "Largest", f"{found.top1:.2%}", f"His share of the ARR. {leaves}", rows, found.color
        ),
        Figure("Largest 5", f"{found.top5:.2%}", "Their share.", rows),
        Figure("Largest 10", f"{found.top10:.2%}", "Their share.", rows),
        Figure(
            "As many as",
            f"{found.effective:,.0f}",
            "So many customers of one size would be as concentrated: 1 / sum of squared shares.",
            rows,
        ),
    ]


def _moved(moved: Movements) -> list[tuple[str, str]]:
    return [
        ("Start", format_cents(moved.start)),
        ("New", format_cents(moved.new)),
        ("Reactivation", format_cents(moved.reactivation)),
        ("Expansion", format_cents(moved.expansion)),
        ("Contraction", format_cents(-moved.contraction)),
        ("Churned", format_cents(-moved.churned)),
        ("Given back", format_cents(-moved.given_back)),
        ("End", format_cents(moved.end)),
    ]


def _cash(months: list[Month]) -> list[dict[str, Any]]:
    return [
        {
            "day": one.first_day,
            "received": format_cents(one.received),
            "refunded": format_cents(one.refunded),
            "disputed": format_cents(one.disputed),
            "net": format_cents(one.net),
            "purchases": one.purchases,
            "rate": "" if one.refund_rate is None else f"{one.refund_rate:.1%}",
        }
        for one in reversed(months)
    ]


def _bars(months: list[Month]) -> list[Bar]:
    return bars([(f"{one.first_day:%b}", one.net, format_cents(one.net)) for one in months])


def _never_installed(at: datetime) -> list[Subscription]:
    """Paid for two days and more, and not one file was fetched."""
    fetched = Download.objects.filter(customer=OuterRef("customer"))
    rows = Subscription.objects.filter(
        ~Exists(fetched),
        license__status=License.Status.ACTIVE,
        created_at__lt=at - NOT_INSTALLED_AFTER,
    )
    return list(
        rows.select_related("customer", "price__tier__product").order_by("created_at")[:SHOWN]
    )


def _tickets(at: datetime, customers: int) -> dict[str, Any]:
    opened = Ticket.objects.filter(opened_at__gt=at - timedelta(days=30))
    by_cause = opened.values_list("cause").annotate(number=Count("pk")).order_by("-number")
    causes = [(cause or "not said", number) for cause, number in by_cause]
    number = sum(count for _, count in causes)
    return {
        "number": number,
        "per_hundred": f"{100 * number / customers:.1f}" if customers else "-",
        "causes": causes,
    }
