"""A customer's own tickets: ask, read, answer, take away."""

from typing import cast

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from licenses.models import Customer, User
from portal.visitors import customers_of
from support import tickets
from support.clock import due_after, local_time
from support.display import conversation, fold_quotes
from support.files import is_token_of, read_file
from support.mails import vacation_line
from support.models import Attachment, Message, Ticket
from support.privacy import export_tickets
from support.public import tracker_search
from support.quota import quota_of
from support.reading import MAX_BODY_CHARS, MAX_FILES_BYTES, File, safe_filename
from support.sorting import is_long_solved
from support.tickets import Requester, Said, new_key

MAX_FILES = 5
TICKETS_SHOWN = 100
TOO_MUCH = f"At most {MAX_FILES} files, 10 MB together."
KEY = r"^[0-9a-f]{32}$"


class AnswerForm(forms.Form):
    key = forms.RegexField(KEY, widget=forms.HiddenInput)
    body = forms.CharField(max_length=MAX_BODY_CHARS, strip=False)

    def clean_body(self) -> str:
        body: str = self.cleaned_data["body"].replace("\r\n", "\n")
        if not body.strip():
            raise forms.ValidationError("Please write something.")
        return body


class TicketForm(AnswerForm):
    customer = forms.IntegerField()
    subject = forms.CharField(max_length=200)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def ticket_list(request: HttpRequest) -> HttpResponse:
    """The public tracker first, then the quota, then the form."""
    if request.method == "POST":
        return _open(request)
    return _list(request)


def _list(request: HttpRequest, form: TicketForm | None = None) -> HttpResponse:
    at = timezone.now()
    mine = list(customers_of(request))
    quotas = [(customer, quota_of(customer.pk, at)) for customer in mine]
    due = due_after(at)
    context = {
        "tickets": Ticket.objects.held_by(mine).select_related("customer")[:TICKETS_SHOWN],
        "quotas": quotas,
        "may_ask": [customer for customer, quota in quotas if quota is not None],
        "due": local_time(due),
        "vacation": vacation_line(at, due),
        "form": form,
        "key": new_key(),
        "tracker_url": settings.TRACKER_URL,
        "search": tracker_search(),
        "docs_url": settings.DOCS_URL,
        "support_email": settings.SUPPORT_EMAIL,
    }
    return render(request, "portal/ticket_list.html", context, status=422 if form else 200)


def _open(request: HttpRequest) -> HttpResponse:
    form = TicketForm(request.POST)
    files = read_files(request)
    if files is None:
        form.add_error(None, TOO_MUCH)
    if not form.is_valid():
        return _list(request, form)
    customer = get_object_or_404(customers_of(request), pk=form.cleaned_data["customer"])
    at = timezone.now()
    if quota_of(customer.pk, at) is None:
        messages.warning(request, "Support ended with your license; a new one brings it back.")
        return redirect("portal:tickets")
    ticket = tickets.open_ticket(
        customer.pk,
        requester=Requester(_user(request).email),
        subject=form.cleaned_data["subject"],
        said=_said(request, form, customer, files or []),
        matched_by=Ticket.Match.PAGE,
        at=at,
    )
    messages.info(request, f"Ticket #{ticket.pk} is open.")
    return redirect("portal:ticket", ticket.pk)


@login_required
@never_cache
@require_safe
def ticket(request: HttpRequest, ticket_id: int) -> HttpResponse:
    found = _own_ticket(request, ticket_id)
    if found.pk != ticket_id:
        return redirect("portal:ticket", found.pk)
    said = conversation(found.messages.exclude(kind=Message.Kind.NOTE))
    context = {
        "ticket": found,
        "said": [(message, fold_quotes(message.body)) for message in said],
        "due": local_time(found.due_at),
        "is_long_solved": is_long_solved(found, timezone.now()),
        "key": new_key(),
    }
    return render(request, "portal/ticket.html", context)


def _own_ticket(request: HttpRequest, ticket_id: int) -> Ticket:
    """The visitor's ticket, or the one that it was merged into; 404 for anybody else's."""
    own = Ticket.objects.filter(customer__in=customers_of(request))
    found = get_object_or_404(own.select_related("customer", "merged_into__customer"), pk=ticket_id)
    return found.merged_into or found


@login_required
@require_POST
def answer_ticket(request: HttpRequest, ticket_id: int) -> HttpResponse:
    found = _own_ticket(request, ticket_id)
    at = timezone.now()
    form, files = AnswerForm(request.POST), read_files(request)
    if not form.is_valid() or files is None:
        messages.warning(request, "Please write something." if files is not None else TOO_MUCH)
    elif is_long_solved(found, at):
        messages.warning(request, "This was solved a while ago; please open a new ticket.")
        return redirect("portal:tickets")
    else:
        said = _said(request, form, found.customer, files)
        tickets.add_customer_message(found.pk, said, at=at)
    return redirect("portal:ticket", found.pk)


@login_required
@never_cache
@require_safe
def ticket_file(request: HttpRequest, attachment_id: int) -> HttpResponse:
    mine = Attachment.objects.filter(
        message__ticket__in=Ticket.objects.held_by(customers_of(request))
    ).exclude(message__kind=Message.Kind.NOTE)
    return download(get_object_or_404(mine, pk=attachment_id))


@never_cache
@require_safe
def answer_file(request: HttpRequest, attachment_id: int, token: str) -> HttpResponse:
    """A file of the owner's answer, for whoever has the mail with its link."""
    sent = Attachment.objects.filter(message__kind=Message.Kind.OWNER)
    found = get_object_or_404(sent, pk=attachment_id)
    if not is_token_of(found, token):
        raise Http404
    return download(found)


@login_required
@never_cache
@require_safe
def ticket_export(request: HttpRequest) -> HttpResponse:
    """Everything that was said, as JSON."""
    exported = {str(one.pk): export_tickets(one.pk) for one in customers_of(request)}
    response = JsonResponse(exported, json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = 'attachment; filename="tickets.json"'
    return response


def download(attachment: Attachment) -> HttpResponse:
    """A file from a mail: bytes of no type, never shown by a browser."""
    return as_download(read_file(attachment), safe_filename(attachment.filename))


def as_download(content: bytes, filename: str) -> HttpResponse:
    response = HttpResponse(content, content_type="application/octet-stream")
    ascii_name = filename.encode("ascii", "replace").decode().replace("?", "_") or "file"
    response["Content-Disposition"] = f'attachment; filename="{ascii_name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def read_files(request: HttpRequest) -> list[File] | None:
    """What was attached; None when it is too much."""
    given = cast("list[UploadedFile]", request.FILES.getlist("files"))
    if len(given) > MAX_FILES or sum(one.size or 0 for one in given) > MAX_FILES_BYTES:
        return None
    return [File(safe_filename(one.name or "") or "file.bin", one.read()) for one in given]


def _said(request: HttpRequest, form: AnswerForm, customer: Customer, files: list[File]) -> Said:
    # The customer is part of the key: a form of one cannot name a message of another.
    key = f"page:{customer.pk}:{form.cleaned_data['key']}"
    return Said(body=form.cleaned_data["body"], key=key, author=_user(request).email, files=files)


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)
