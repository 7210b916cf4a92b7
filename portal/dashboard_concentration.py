"""How much hangs on how few customers: of what they are worth a year, and of what they paid."""

from collections.abc import Mapping, Sequence

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from lib.money import format_cents
from licenses.models import Customer
from portal.dashboard_figures import Figure, percent
from portal.dashboard_table import Cell, Table, show
from portal.figures import cash
from portal.figures.arr import ArrLine, arr_lines, by_customer
from portal.figures.concentration import Concentration, concentrate
from portal.figures.movements import Movements
from portal.owner_site import owners

ROWS = "portal:concentration_rows"


@owners
@require_safe
@never_cache
def concentration_rows(request: HttpRequest) -> HttpResponse:
    """Each customer with his share of both, the largest first."""
    at = timezone.now()
    worth, paid = by_customer(arr_lines(at)), cash.by_customer(at)
    received = [cents for cents in paid.values() if cents > 0]
    total = sum(worth.values())
    found = sorted(
        worth.keys() | paid.keys(), key=lambda one: (-worth.get(one, 0), -paid.get(one, 0), one)
    )

    def draw(ids: Sequence[int]) -> list[list[Cell]]:
        names = Customer.objects.in_bulk(ids)
        return [
            [
                Cell(str(names[pk]), reverse("admin:licenses_customer_change", args=[pk])),
                Cell(format_cents(paid.get(pk, 0))),
                Cell(_share(paid, pk, sum(received))),
                Cell(_share(worth, pk, total)),
                Cell(format_cents(worth.get(pk, 0))),
            ]
            for pk in ids
        ]

    table = Table(
        title="Customers by size",
        meaning="Cash: what each paid within 365 days, less what went back.",
        columns=("Customer", "Cash", "Of all cash", "Of the ARR", "A year"),
        found=found,
        draw=draw,
        total=format_cents(total),
        notes=(
            f"Of the ARR: {_said(concentrate(worth.values()))}.",
            f"Of {format_cents(sum(received))} of cash: {_said(concentrate(received))}.",
        ),
    )
    return show(request, table)


def concentration_figures(lines: list[ArrLine], months: Sequence[Movements]) -> list[Figure]:
    """Of the ARR. *months*, since the first sale, say what comes in new."""
    values = by_customer(lines)
    found = concentrate(values.values())
    return [
        Figure(
            "Largest",
            f"{found.top1:.2%}",
            f"His share of the ARR. {_if_he_leaves(list(values.values()), months)}",
            ROWS,
            color=found.color,
        ),
        Figure("Largest 5", f"{found.top5:.2%}", "Their share.", ROWS),
        Figure("Largest 10", f"{found.top10:.2%}", "Their share.", ROWS),
        Figure(
            "As many as",
            f"{found.effective:,.0f}",
            "So many customers of one size would be as concentrated: 1 / sum of squared shares.",
            ROWS,
        ),
    ]


def _if_he_leaves(values: Sequence[int], months: Sequence[Movements]) -> str:
    largest = max(values, default=0)
    text = f"ARR would be {format_cents(sum(values) - largest)} without him"
    new = sum(one.new for one in months)
    if not new:
        return f"{text}."
    number = largest * len(months) / new
    return f"{text}; the new of {number:.1f} average months would make up for it."


def _said(found: Concentration) -> str:
    return (
        f"the largest has {found.top1:.2%}, the largest five {found.top5:.2%}, ten "
        f"{found.top10:.2%}; as concentrated as {found.effective:,.0f} of one size"
    )


def _share(values: Mapping[int, int], pk: int, total: int) -> str:
    cents = values.get(pk, 0)
    return percent(cents / total) if total and cents > 0 else "-"
