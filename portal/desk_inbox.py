"""The owner's inbox: mail that is no ticket. He reads it, makes a ticket of it, or puts it away."""

from datetime import datetime

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from licenses.models import Customer, normalize_email
from portal.owner_site import owners
from portal.tickets import as_download
from support import inbox
from support.display import fold_quotes
from support.inbox import IN_BOX, NobodyToAnswer
from support.models import InboundMail
from support.reading import read_mail
from support.sorting import find_customer
from support.unpacking import Unpackable, mail_bytes

SHOWN = 100
MAX_NUMBER = 2**63


def waiting_mail() -> QuerySet[InboundMail]:
    """What the owner has not put away yet, without the bytes."""
    mails = InboundMail.objects.filter(outcome__in=IN_BOX).defer("raw").select_related("ticket")
    return mails.filter(put_away_at=None)


@owners
@require_safe
def desk_inbox(request: HttpRequest) -> HttpResponse:
    """Strangers, and whatever was not clear."""
    mails = waiting_mail()
    context = {"mails": mails[:SHOWN], "number": mails.count()}
    return render(request, "portal/ticket_inbox.html", context)


@owners
@require_POST
def desk_put_away(request: HttpRequest) -> HttpResponse:
    """Those that the form names, and no other: what came meanwhile was not seen."""
    numbers = [row_number(one) for one in request.POST.getlist("mail")]
    number = inbox.put_away([one for one in numbers if one], timezone.now())
    messages.info(request, f"{number} mail{'' if number == 1 else 's'} put away.")
    return redirect("portal:desk_inbox")


@owners
@require_safe
def desk_mail(request: HttpRequest, mail_id: int) -> HttpResponse:
    """One mail with its words, and what can be made of it."""
    row = get_object_or_404(InboundMail.objects.select_related("ticket"), pk=mail_id)
    problem, text, files = "", "", []
    try:
        mail = read_mail(mail_bytes(row))
        text, files = mail.text, mail.files
    except Unpackable as error:
        problem = str(error)
    context = {
        "mail": row,
        "blocks": fold_quotes(text),
        "files": [(file.filename, len(file.content)) for file in files],
        "problem": problem,
        "guess": _guess(row, timezone.now()),
        "is_in_box": row.outcome in IN_BOX,
    }
    return render(request, "portal/ticket_mail.html", context)


def _guess(row: InboundMail, at: datetime) -> Customer | None:
    """Whose mail it might be: the ticket's customer, or the one whose address or domain it is."""
    if row.ticket is not None:
        return row.ticket.customer
    found = find_customer(row.sender, at)[0] if row.sender else None
    return Customer.objects.filter(pk=found).first() if found else None


@owners
@require_safe
def desk_raw(request: HttpRequest, mail_id: int) -> HttpResponse:
    mail = get_object_or_404(InboundMail, pk=mail_id)
    return as_download(bytes(mail.raw), f"mail-{mail.pk}.eml")


@owners
@require_POST
def desk_adopt(request: HttpRequest, mail_id: int) -> HttpResponse:
    """Make a ticket of a mail: of the customer that the owner names, or of a new one."""
    get_object_or_404(InboundMail.objects.defer("raw"), pk=mail_id)
    try:
        customer = named_customer(request.POST.get("customer", ""))
        ticket = inbox.adopt_mail(
            mail_id, customer_id=customer.pk if customer else None, at=timezone.now()
        )
    except (ValidationError, NobodyToAnswer, Unpackable) as error:
        why = error.message if isinstance(error, ValidationError) else f"No ticket of {error}."
        messages.warning(request, why)
        return redirect("portal:desk_mail", mail_id)
    return redirect("portal:desk_ticket", ticket.pk)


@owners
@require_POST
def desk_append(request: HttpRequest, mail_id: int) -> HttpResponse:
    """Add a quarantined mail to its ticket; from then on the sender may write there."""
    get_object_or_404(InboundMail.objects.defer("raw"), pk=mail_id)
    ticket = inbox.append_mail(mail_id, at=timezone.now())
    if ticket is None:
        messages.warning(request, "This mail names no ticket.")
        return redirect("portal:desk_mail", mail_id)
    return redirect("portal:desk_ticket", ticket.pk)


def named_customer(given: str) -> Customer | None:
    """By number or by a contact's address; None when nothing was given."""
    given = given.strip().lstrip("#")
    if not given:
        return None
    found = Customer.objects.filter(pk=row_number(given))
    if "@" in given:
        found = Customer.objects.filter(contacts__email=normalize_email(given)).distinct()
    customers = list(found[:2])
    if len(customers) != 1:
        raise ValidationError(f"{'More than one' if customers else 'No'} customer is {given[:80]}.")
    return customers[0]


def row_number(given: str) -> int:
    """The number of a row; 0, which no row has, for anything else."""
    is_number = given.isascii() and given.isdigit() and len(given) < 20
    return int(given) if is_number and int(given) < MAX_NUMBER else 0
