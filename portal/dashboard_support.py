"""What support costs: how many tickets, how soon answered, and which pages are missing."""

from collections.abc import Sequence
from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal.dashboard_figures import Figure, percent
from portal.dashboard_table import Cell, Table, show
from portal.desk_list import repeated_causes
from portal.figures.arr import arr_lines, by_customer
from portal.figures.support_load import Load, load_of, share_over_allowance, weeks_of
from portal.owner_site import owners
from support.clock import ANSWER_WITHIN_DAYS, full_span
from support.models import Ticket

WANTS_A_PAGE = 3  # times in 90 days
ROWS = "portal:support_rows"


@owners
@require_safe
@never_cache
def support_rows(request: HttpRequest) -> HttpResponse:
    """The figures of 30 days, the weeks before, what to write down, and the tickets themselves."""
    at = timezone.now()
    load = load_of(at)
    figures = [
        *support_figures(load, len(by_customer(arr_lines(at)))),
        Figure(
            "In time",
            percent(load.share_within(full_span())),
            f"Of the answered: within {ANSWER_WITHIN_DAYS} days of your working time.",
            ROWS,
        ),
        Figure(
            "Above the allowance",
            percent(share_over_allowance(load.tickets, at)),
            "Of the tickets that count: more than the customer's licenses include in a quarter.",
            ROWS,
        ),
        Figure(
            "Of new customers",
            str(load.of_new_customers),
            "Opened within a customer's first 30 days: what the first steps do not say.",
            ROWS,
        ),
    ]
    columns = ("Ticket", "Customer", "Opened", "About", "First answer after")
    meaning = "Each ticket that a customer opened within 30 days."
    missing = [
        one for one in repeated_causes(at) if one["times"] >= WANTS_A_PAGE and not one["to_do"]
    ]
    return show(
        request,
        Table("Support", meaning, columns, load.tickets, _tickets),
        "portal/dashboard_support.html",
        figures=figures,
        weeks=[(one, shown_hours(one.first_answer)) for one in reversed(weeks_of(at))],
        missing=missing,
    )


def support_figures(load: Load, customers: int) -> list[Figure]:
    """What the dashboard shows of it."""
    causes = ", ".join(f"{cause} {number}" for cause, number in load.by_cause)
    per_hundred = load.per_hundred(customers)
    return [
        Figure("Tickets", str(load.number), f"That customers opened: {causes or 'none'}.", ROWS),
        Figure(
            "Per 100 customers",
            "-" if per_hundred is None else f"{per_hundred:.1f}",
            "Tickets of 30 days / customers, times 100.",
            ROWS,
        ),
        Figure(
            "First answer",
            shown_hours(load.first_answer),
            f"Your working time until the first answer, the median; {load.unanswered} not "
            "answered yet.",
            ROWS,
        ),
    ]


def shown_hours(span: timedelta | None) -> str:
    """`3.5 h`; a dash for None."""
    return "-" if span is None else f"{span.total_seconds() / 3600:.1f} h"


def _tickets(found: Sequence[Ticket]) -> list[list[Cell]]:
    return [
        [
            Cell(str(one), reverse("portal:desk_ticket", args=[one.pk])),
            Cell(str(one.customer)),
            Cell(f"{one.opened_at:%Y-%m-%d}"),
            Cell(str(one.get_cause_display()).lower()),
            Cell(_answered(one)),
        ]
        for one in found
    ]


def _answered(ticket: Ticket) -> str:
    if ticket.answered_in_seconds is None:
        return "not answered yet"
    return shown_hours(timedelta(seconds=ticket.answered_in_seconds))
