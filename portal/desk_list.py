"""What waits for the owner: his tickets, due soonest first, and the causes that came again."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from portal.customer_card import per_year_of, tiers_of
from portal.desk_inbox import waiting_mail
from portal.owner_site import owners
from support.clock import read_calendar
from support.guessing import guess_cause
from support.models import Ticket
from support.quota import numbers_in_quarter, ordinal

SHOWN = 100
WORDS_READ = 2_000  # characters of a question that its cause is guessed by
REPEATED_WITHIN = timedelta(days=90)


@owners
@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    """Due soonest first."""
    at = timezone.now()
    context = {
        "rows": waiting_tickets(at),
        "zone": read_calendar().zone.key,
        "in_box": waiting_mail().count(),
        "repeated": repeated_causes(at),
    }
    return render(request, "portal/ticket_desk.html", context)


def waiting_tickets(at: datetime) -> list[dict[str, Any]]:
    """A row of the list for each."""
    waiting = Ticket.objects.due_soonest().select_related("customer")
    tickets = list(waiting.with_first_words(WORDS_READ)[:SHOWN])
    customers = {one.customer_id for one in tickets}
    numbers = numbers_in_quarter(tickets)
    tiers, yearly = tiers_of(customers), per_year_of(customers)
    calendar = read_calendar()
    return [
        {
            "ticket": one,
            "tiers": tiers.get(one.customer_id, "none"),
            "number": ordinal(numbers[one.pk]) if numbers[one.pk] else "not counted",
            "per_year": yearly.get(one.customer_id, "nothing"),
            "due": calendar.brief(one.due_at),
            "is_overdue": one.is_overdue(at),
            "cause": _cause(one),
        }
        for one in tickets
    ]


def _cause(ticket: Any) -> str:
    """What the owner said, or a guess with its question mark."""
    if ticket.cause:
        return str(ticket.get_cause_display())
    guess = guess_cause(ticket.subject, ticket.first_words)
    return f"{guess.label}?" if guess else ""


def repeated_causes(at: datetime) -> list[dict[str, Any]]:
    """Topics that came more than once in 90 days: each wants documentation or a better error."""
    lately = Ticket.objects.filter(opened_at__gt=at - REPEATED_WITHIN, merged_into=None)
    same = lately.exclude(topic="").order_by().annotate(same=Lower("topic")).values("same")
    counted = same.annotate(times=Count("pk"), topic=Max("topic"), to_do=Max("task"))
    return list(counted.filter(times__gt=1).order_by("-times", "same")[:20])
