"""The owner's desk: one page per ticket, and what he does there."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.desk_inbox import row_number
from portal.desk_page import find_ticket, show_ticket
from portal.owner_site import owners
from portal.tickets import KEY, TOO_MUCH, AnswerForm, download, read_files
from support import tickets
from support.mails import words_of_answer
from support.models import Attachment, Message, Ticket
from support.public import issue_form, public_draft
from support.reading import File
from support.rearranging import NothingLeft, NotTheSameCustomer, merge_tickets, split_ticket
from support.tickets import new_key
from support.turns import SaidMeanwhile, TicketWasMerged, newest_words

DEEDS = {"preview", "wait", "close", "note", "bounce", "solve"}


class DeskForm(AnswerForm):
    seen = forms.IntegerField(required=False)  # the newest words when the page was made


class PublicForm(forms.Form):
    key = forms.RegexField(KEY)
    seen = forms.IntegerField(required=False)
    public_url = forms.URLField(max_length=200, assume_scheme="https")


class FactsForm(forms.Form):
    cause = forms.ChoiceField(choices=Ticket.Cause.choices, required=False)
    topic = forms.CharField(max_length=80, required=False)
    task = forms.CharField(max_length=200, required=False)
    public_url = forms.URLField(max_length=200, required=False, assume_scheme="https")
    is_exempt = forms.BooleanField(required=False)


@owners
@require_safe
def desk_ticket(request: HttpRequest, ticket_id: int) -> HttpResponse:
    ticket = find_ticket(ticket_id)
    if ticket.merged_into_id is not None:
        return redirect("portal:desk_ticket", ticket.merged_into_id)
    return show_ticket(request, ticket)


@owners
@require_POST
def desk_answer(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """Send and wait, send and close, note, close, or bounce back, and on to the next ticket; or
    look first at what would be sent.
    """
    ticket = find_ticket(ticket_id)
    form, files = DeskForm(request.POST), read_files(request)
    deed = request.POST.get("deed", "")
    if deed not in DEEDS:
        return redirect("portal:desk_ticket", ticket.pk)
    try:
        problem = _missing(form, files, deed) or _note_facts(request, ticket)
        if deed == "preview" and not problem:
            return _preview(request, ticket, form.cleaned_data["body"])
        if not problem:
            _do(deed, ticket, form, files or [])
    except TicketWasMerged:
        return redirect("portal:desk_ticket", ticket.pk)
    except SaidMeanwhile:
        problem = "Nothing was sent: the customer wrote meanwhile. Your words are still below."
    if problem:
        draft = request.POST.get("body", "")
        return show_ticket(request, ticket, draft=draft, problem=problem, status=422)
    return redirect("portal:desk_ticket", ticket.pk) if deed == "note" else _next(request, ticket)


def _missing(form: DeskForm, files: list[File] | None, deed: str) -> str:
    if files is None:
        return f"Nothing was sent: {TOO_MUCH}"
    needs_words = deed in {"preview", "wait", "close", "note"}
    return (
        "Nothing was sent: please write something." if not form.is_valid() and needs_words else ""
    )


def _do(deed: str, ticket: Ticket, form: DeskForm, files: list[File]) -> None:
    at = timezone.now()
    form.full_clean()
    nonce, seen = form.cleaned_data.get("key"), form.cleaned_data.get("seen")
    key = f"desk:{ticket.pk}:{nonce or new_key()}"
    body = form.cleaned_data.get("body", "")  # "bounce back" needs none
    if deed in {"wait", "close"}:
        tickets.answer_ticket(
            ticket.pk, body=body, closes=deed == "close", key=key, at=at, files=files, seen=seen
        )
    elif deed == "note":
        tickets.add_note(ticket.pk, body=body, key=key, at=at)
    elif deed == "bounce":
        tickets.bounce_back(ticket.pk, key=key, at=at, seen=seen)
    elif deed == "solve":
        tickets.close_ticket(ticket.pk, at=at, seen=seen)


def _preview(request: HttpRequest, ticket: Ticket, body: str) -> HttpResponse:
    """The mail as it would leave; nothing is sent, and the facts of the form are noted."""
    ticket.refresh_from_db()
    return show_ticket(request, ticket, draft=body, preview=words_of_answer(ticket, body))


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
    """Only the cause; what is half written stays where it is."""
    ticket = find_ticket(ticket_id)
    try:
        problem = _note_facts(request, ticket)
    except TicketWasMerged:
        return redirect("portal:desk_ticket", ticket.pk)
    ticket.refresh_from_db()
    if not problem:
        messages.info(request, f"Noted for #{ticket.pk}.")
    return show_ticket(request, ticket, draft=request.POST.get("body", ""), problem=problem)


def _note_facts(request: HttpRequest, ticket: Ticket) -> str:
    """What the form says of the cause is kept; why not, if it cannot be."""
    form = FactsForm(request.POST)
    if "cause" not in request.POST:
        return ""
    if not form.is_valid():
        return f"Not noted: {form.errors.as_text()}"
    tickets.note_facts(ticket.pk, **form.cleaned_data)
    return ""


@owners
@require_POST
def desk_merge(request: HttpRequest, ticket_id: int) -> HttpResponse:
    ticket = get_object_or_404(Ticket, pk=ticket_id)
    number = row_number(request.POST.get("into", "").strip("# "))
    into = Ticket.objects.filter(pk=number).first()
    if into is None:
        messages.warning(request, "There is no such ticket.")
        return redirect("portal:desk_ticket", ticket.pk)
    try:
        merge_tickets(ticket.pk, into_id=into.pk, at=timezone.now())
    except (NotTheSameCustomer, TicketWasMerged) as error:
        messages.warning(request, f"Not merged: {error}.")
        return redirect("portal:desk_ticket", ticket.pk)
    return redirect("portal:desk_ticket", into.pk)


@owners
@require_POST
def desk_split(request: HttpRequest, message_id: int) -> HttpResponse:
    """Make a ticket of its own of a customer's words and what came after them."""
    message = get_object_or_404(Message, pk=message_id, kind=Message.Kind.CUSTOMER)
    try:
        new = split_ticket(message.pk, subject=request.POST.get("subject", ""), at=timezone.now())
    except (NothingLeft, TicketWasMerged) as error:
        messages.warning(request, f"Not split: {error}.")
        return redirect("portal:desk_ticket", message.ticket_id)
    return redirect("portal:desk_ticket", new.pk)


@owners
@require_http_methods(["GET", "HEAD", "POST"])
def desk_public(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """A draft for the public tracker; the owner reads it, posts it, and says where."""
    ticket = find_ticket(ticket_id)
    if request.method == "POST":
        return _answered_in_public(request, ticket)
    draft = public_draft(ticket)
    context = {
        "ticket": ticket,
        "draft": draft,
        "issue_form": issue_form(draft),
        "key": new_key(),
        "seen": newest_words(ticket),
    }
    return render(request, "portal/ticket_public.html", context)


def _answered_in_public(request: HttpRequest, ticket: Ticket) -> HttpResponse:
    form = PublicForm(request.POST)
    if not form.is_valid():
        messages.warning(request, "Nothing was sent: please give the address of the answer.")
        return redirect("portal:desk_public", ticket.pk)
    given = form.cleaned_data
    try:
        tickets.answer_in_public(
            ticket.pk,
            public_url=given["public_url"],
            key=f"public:{ticket.pk}:{given['key']}",
            at=timezone.now(),
            seen=given["seen"],
        )
    except (SaidMeanwhile, TicketWasMerged):
        messages.warning(request, "Nothing was sent: something was written meanwhile.")
        return redirect("portal:desk_ticket", ticket.pk)
    return _next(request, ticket)


@owners
@require_safe
def desk_file(request: HttpRequest, attachment_id: int) -> HttpResponse:
    return download(get_object_or_404(Attachment, pk=attachment_id))
