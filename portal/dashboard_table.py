"""The rows behind a figure, a page of them at a time, and the sum of all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

ROWS = 100  # on a page


@dataclass(frozen=True)
class Cell:
    text: str
    url: str = ""


@dataclass(frozen=True)
class Table:
    """`draw` makes cells of those of *found* that are on the page; `total`, of all of them, stands
    under the last column.
    """

    title: str
    meaning: str
    columns: Sequence[str]
    found: Sequence[Any] | QuerySet[Any]
    draw: Callable[[Sequence[Any]], list[list[Cell]]]
    total: str = ""
    notes: Sequence[str] = ()
    change_url: str = ""  # where what the table is about is changed


def show(
    request: HttpRequest,
    table: Table,
    template: str = "portal/dashboard_rows.html",
    **more: Any,
) -> HttpResponse:
    """The page that the address names (`?page=2`); a wrong number is the first or the last."""
    page = Paginator(table.found, ROWS).get_page(request.GET.get("page"))
    context = {"table": table, "page": page, "rows": table.draw(list(page.object_list)), **more}
    return render(request, template, context)
