"""The owner's desk: what waits for him, one page per ticket, and the inbox of everything else."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from licenses.models import Customer
from portal.customer_card import customer_card, per_year_of
from portal.tickets import AnswerForm, as_download, download
from support import tickets
from support.clock import read_calendar
from support.display import fold_quotes
from support.mails import local_time
from support.models import Attachment, CannedReply, InboundMail, Ticket
from support.public import public_draft
from support.quota import numbers_in_quarter, ordinal
from support.receiving import adopt
from support.tickets import NotTheSameCustomer, TicketWasMerged, new_key
from support.unpacking import Unpackable

Outcome = InboundMail.Outcome
SHOWN = 100
REPEATED_WITHIN = timedelta(days=90)
IN_BOX = [
    Outcome.WAITING,
    Outcome.STRANGER,
    Outcome.LAPSED,
    Outcome.QUARANTINED,
    Outcome.UNREADABLE,
    Outcome.AUTOMATIC,
    Outcome.HELD,
]
DEEDS = {"wait", "close", "note", "bounce", "solve"}
View = Callable[..., HttpResponse]


class FactsForm(forms.Form):
    cause = forms.ChoiceField(choices=Ticket.Cause.choices, required=False)
    topic = forms.CharField(max_length=80, required=False)
    task = forms.CharField(max_length=200, required=False)
    public_url = forms.URLField(max_length=200, required=False, assume_scheme="https")
    is_exempt = forms.BooleanField(required=False)


def owners(view: View) -> View:
    """For the owner with his second factor, as the admin is."""

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        checked: View = admin.site.admin_view(view)
        return checked(request, *args, **kwargs)

    return guarded


@owners
@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    """Due soonest first."""
    at = timezone.now()
    waiting = list(Ticket.objects.due_soonest().select_related("customer")[:SHOWN])
    numbers = numbers_in_quarter(waiting)
    yearly = per_year_of({one.customer_id for one in waiting})
    calendar = read_calendar()
    rows = [
        {
            "ticket": one,
            "number": ordinal(numbers[one.pk]) if numbers[one.pk] else "not counted",
            "per_year": yearly.get(one.customer_id, "nothing"),
            "due": calendar.shown(one.due_at),
            "is_overdue": one.is_overdue(at),
        }
        for one in waiting
    ]
    context = {
        "rows": rows,
        "in_box": InboundMail.objects.filter(outcome__in=IN_BOX).count(),
        "repeated": repeated_causes(at),
    }
    return render(request, "portal/ticket_desk.html", context)


def repeated_causes(at: datetime) -> list[dict[str, Any]]:
    """Topics that came more than once in 90 days: each wants documentation or a better error."""
    lately = Ticket.objects.filter(opened_at__gt=at - REPEATED_WITHIN).exclude(topic="")
    counted = lately.order_by().values("topic").annotate(times=Count("pk"))
    return list(counted.filter(times__gt=1).order_by("-times", "topic")[:20])


@owners
@require_safe
def desk_ticket(request: HttpRequest, ticket_id: int) -> HttpResponse:
    ticket = get_object_or_404(Ticket.objects.select_related("customer"), pk=ticket_id)
    if ticket.merged_into_id is not None:
        return redirect("portal:desk_ticket", ticket.merged_into_id)
    at = timezone.now()
    number = numbers_in_quarter([ticket])[ticket.pk]
    canned = CannedReply.objects.filter(slug=request.GET.get("canned", "")).first()
    context = {
        "ticket": ticket,
        "said": [
            (message, fold_quotes(message.body))
            for message in ticket.messages.prefetch_related("attachments")
        ],
        "card": customer_card(ticket.customer, but=ticket, at=at),
        "number": ordinal(number) if number else "not counted",
        "due": local_time(ticket.due_at),
        "is_overdue": ticket.is_overdue(at),
        "quarantined": ticket.mails.filter(outcome=Outcome.QUARANTINED).defer("raw"),
        "canned": CannedReply.objects.all(),
        "draft": tickets.fill_in(canned, ticket) if canned else "",
        "causes": Ticket.Cause.choices,
        "key": new_key(),
    }
    return render(request, "portal/ticket_answer.html", context)


@owners
@require_POST
def desk_answer(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """Send and wait, send and close, note, close, or bounce back; then the next ticket."""
    ticket = get_object_or_404(Ticket, pk=ticket_id)
    form = AnswerForm(request.POST)
    deed = request.POST.get("deed", "")
    if deed not in DEEDS:
        return redirect("portal:desk_ticket", ticket.pk)
    if deed in {"wait", "close", "note"} and not form.is_valid():
        messages.warning(request, "Nothing was sent: please write something.")
        return redirect("portal:desk_ticket", ticket.pk)
    try:
        _do(deed, ticket, form)
    except TicketWasMerged:
        return redirect("portal:desk_ticket", ticket.pk)
    if deed == "note":
        return redirect("portal:desk_ticket", ticket.pk)
    return _next(request, ticket)


def _do(deed: str, ticket: Ticket, form: AnswerForm) -> None:
    at = timezone.now()
    form.full_clean()
    nonce = form.cleaned_data.get("key")  # "bounce back" sends no words, but the key
    key = f"desk:{ticket.pk}:{nonce or new_key()}"
    if deed in {"wait", "close"}:
        body = form.cleaned_data["body"]
        tickets.answer_ticket(ticket.pk, body=body, closes=deed == "close", key=key, at=at)
    elif deed == "note":
        tickets.add_note(ticket.pk, body=form.cleaned_data["body"], key=key, at=at)
    elif deed == "bounce":
        tickets.bounce_back(ticket.pk, key=key, at=at)
    elif deed == "solve":
        tickets.close_ticket(ticket.pk, at=at)


def _next(request: HttpRequest, done: Ticket) -> HttpResponse:
    messages.info(request, f"Done with #{done.pk}.")
    due = Ticket.objects.due_soonest().filter(status=Ticket.Status.OPEN).exclude(pk=done.pk)
    following = due.first()
    if following is None:
        return redirect("portal:desk")
    return redirect("portal:desk_ticket", following.pk)


@owners
@require_POST
def desk_facts(request: HttpRequest, ticket_id: int) -> HttpResponse:
    ticket = get_object_or_404(Ticket, pk=ticket_id)
    form = FactsForm(request.POST)
    if form.is_valid():
        tickets.note_facts(ticket.pk, **form.cleaned_data)
        messages.info(request, f"Noted for #{ticket.pk}.")
    else:
        messages.warning(request, f"Not noted: {form.errors.as_text()}")
    return redirect("portal:desk_ticket", ticket.pk)


@owners
@require_POST
def desk_merge(request: HttpRequest, ticket_id: int) -> HttpResponse:
    ticket = get_object_or_404(Ticket, pk=ticket_id)
    given = request.POST.get("into", "").strip("# ")
    number = int(given) if given.isascii() and given.isdigit() and len(given) < 18 else 0
    into = Ticket.objects.filter(pk=number).first()
    if into is None:
        messages.warning(request, "There is no such ticket.")
        return redirect("portal:desk_ticket", ticket.pk)
    try:
        tickets.merge_tickets(ticket.pk, into_id=into.pk, at=timezone.now())
    except (NotTheSameCustomer, TicketWasMerged) as error:
        messages.warning(request, f"Not merged: {error}.")
        return redirect("portal:desk_ticket", ticket.pk)
    return redirect("portal:desk_ticket", into.pk)


@owners
@require_safe
def desk_public(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """A draft for the public tracker; the owner reads it and posts it himself."""
    ticket = get_object_or_404(Ticket.objects.select_related("customer"), pk=ticket_id)
    context = {"ticket": ticket, "draft": public_draft(ticket), "causes": Ticket.Cause.choices}
    return render(request, "portal/ticket_public.html", context)


@owners
@require_safe
def desk_file(request: HttpRequest, attachment_id: int) -> HttpResponse:
    return download(get_object_or_404(Attachment, pk=attachment_id))


@owners
@require_safe
def desk_inbox(request: HttpRequest) -> HttpResponse:
    """Strangers, and whatever was not clear; one click makes a ticket of it."""
    mails = InboundMail.objects.filter(outcome__in=IN_BOX).defer("raw").select_related("ticket")
    return render(request, "portal/ticket_inbox.html", {"mails": mails[:SHOWN]})


@owners
@require_safe
def desk_raw(request: HttpRequest, mail_id: int) -> HttpResponse:
    mail = get_object_or_404(InboundMail, pk=mail_id)
    return as_download(bytes(mail.raw), f"mail-{mail.pk}.eml")


@owners
@require_POST
def desk_adopt(request: HttpRequest, mail_id: int) -> HttpResponse:
    """Make a ticket of a mail for the customer whose number the owner gives."""
    mail = get_object_or_404(InboundMail.objects.defer("raw"), pk=mail_id, outcome__in=IN_BOX)
    given = request.POST.get("customer", "").strip()
    number = int(given) if given.isascii() and given.isdigit() and len(given) < 18 else 0
    customer = Customer.objects.filter(pk=number).first()
    if customer is None or not mail.sender:
        messages.warning(request, "No such customer." if mail.sender else "Nobody to answer to.")
        return redirect("portal:desk_inbox")
    try:
        ticket = adopt(mail.pk, customer_id=customer.pk, at=timezone.now())
    except Unpackable as error:
        messages.warning(request, f"This mail cannot be read: {error}")
        return redirect("portal:desk_inbox")
    return redirect("portal:desk_ticket", ticket.pk)
