"""What the owner sees of one ticket: twelve queries, and one each for files and kept-out mail."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from portal.customer_card import customer_card
from portal.desk_list import WORDS_READ
from support.bounces import comes_back
from support.canned import fill_in
from support.clock import local_time, owners_zone
from support.display import conversation, fold_quotes
from support.guessing import guess_cause
from support.mails import Words, recipients_among
from support.models import CannedReply, InboundMail, Message, Ticket
from support.quota import ordinal
from support.tickets import new_key

TOPICS_OFFERED = 100


def find_ticket(ticket_id: int) -> Any:
    """The ticket, with `comes_back` (mail to who asked), `has_quarantined` and `zone`; or 404."""
    found = Ticket.objects.select_related("customer").annotate(
        comes_back=comes_back("requester"),
        zone=owners_zone(),
        has_quarantined=Exists(_quarantined().filter(ticket=OuterRef("pk"))),
    )
    return get_object_or_404(found, pk=ticket_id)


def _quarantined() -> QuerySet[InboundMail]:
    """Mails that were kept out of their tickets, and wait for the owner's look."""
    kept_out = InboundMail.objects.filter(outcome=InboundMail.Outcome.QUARANTINED)
    return kept_out.filter(put_away_at=None).defer("raw")


def show_ticket(
    request: HttpRequest,
    ticket: Any,  # of `find_ticket`
    *,
    draft: str = "",
    problem: str = "",
    preview: Words | None = None,
    status: int = 200,
) -> HttpResponse:
    at = timezone.now()
    card = customer_card(ticket.customer, but=ticket, at=at)
    said = conversation(ticket.messages.annotate(comes_back=comes_back("author")))
    canned = list(CannedReply.objects.all())
    context = {
        "ticket": ticket,
        "said": [(message, fold_quotes(message.body)) for message in said],
        "card": card,
        "number": ordinal(card.number) if card.number else "not counted",
        "due": local_time(ticket.due_at, ticket.zone),
        "is_overdue": ticket.is_overdue(at),
        "quarantined": _quarantined().filter(ticket=ticket) if ticket.has_quarantined else (),
        "canned": canned,
        "draft": draft or _begin(canned, request.GET.get("canned", ""), ticket),
        "bouncing": _bouncing(ticket, said),
        "problem": problem,
        "causes": Ticket.Cause.choices,
        "key": new_key(),
        "seen": max((one.pk for one in said if one.is_by_a_person), default=0),
        "guess": _guess(ticket, said),
        "topics": Ticket.objects.known_topics()[:TOPICS_OFFERED],
        "preview": preview,
    }
    return render(request, "portal/ticket_answer.html", context, status=status)


def _begin(canned: Iterable[CannedReply], slug: str, ticket: Ticket) -> str:
    """The canned reply that the link names, filled in; "" for none."""
    named = (one for one in canned if one.slug == slug)
    return next((fill_in(one, ticket) for one in named), "")


def _bouncing(ticket: Any, said: Iterable[Any]) -> list[str]:
    """Whom an answer does not reach."""
    people = [one for one in said if one.is_by_a_person]
    dead = {one.author for one in people if one.comes_back}
    if ticket.comes_back:
        dead.add(ticket.requester)
    to = recipients_among(ticket.requester, [one.author for one in people])
    return [address for address in to if address in dead]


def _guess(ticket: Ticket, said: Iterable[Message]) -> str:
    """What it might be about, while nobody has said so."""
    asked = (one.body for one in said if one.kind == Message.Kind.CUSTOMER)
    words = next(asked, "")[:WORDS_READ]
    return "" if ticket.cause else guess_cause(ticket.subject, words).label
