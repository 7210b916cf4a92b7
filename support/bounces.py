"""Mailboxes that refuse mail for good: mark them, and tell the next person of the customer."""

import re
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Case, Exists, IntegerField, OuterRef, Q, Value, When
from flufl.bounce import all_failures

from licenses.models import Contact, Customer, normalize_email
from outbox.mail import queue_again
from outbox.models import Mail
from support.mails import tell_owner
from support.models import BouncingAddress, Ticket
from support.reading import ReadMail
from support.references import renamed_mails

_REPORTED_ID = re.compile(rb"^message-id:\s*(<[!-;=?-~]{3,240}>)", re.IGNORECASE | re.MULTILINE)
MAX_REPORT_BYTES = 1_000_000
# Answers within a ticket are for whoever asked; everything else concerns the customer.
PERSONAL = ("answer:", "received:", "moved:", "pointer:", "notify:", "news:")


def failed_addresses(mail: ReadMail) -> list[str]:
    """Whom a delivery report names as failed for good; nobody if it is no such report."""
    if mail.parsed is None:
        return []
    try:
        _, permanent = all_failures(mail.parsed)
    except Exception:  # a parser's: a report that it cannot read names nobody
        return []
    return sorted(normalize_email(one.decode("utf-8", "replace")) for one in permanent)


def note_report(mail: ReadMail, raw: bytes, failed: Iterable[str], at: datetime) -> str:
    """Mark those addresses that a mail of ours really went to; what was done, in a sentence.

    A report can be forged by anybody: it must quote the Message-ID of a mail to that address, ours
    or the one that the provider gave it.
    """
    found = _REPORTED_ID.findall(raw[:MAX_REPORT_BYTES])[:50]
    ids = [one.decode("ascii", "replace") for one in found]
    ours = [*Mail.objects.filter(message_id__in=ids), *renamed_mails(ids)]
    done = []
    for address in failed:
        reported = [one for one in ours if address in [normalize_email(to) for to in one.to]]
        if reported:
            mark_bouncing(address, reason=mail.subject, mails=reported, at=at)
            done.append(address)
    return f"marked {', '.join(done)}" if done else "about no mail of ours"


def mark_bouncing(address: str, *, reason: str, mails: Iterable[Mail], at: datetime) -> None:
    """Flag the address, and send what it did not take to the next contact. Safe to repeat."""
    row, is_new = BouncingAddress.objects.get_or_create(
        address=address, defaults={"since": at, "reason": reason[:200]}
    )
    if is_new and (what := _concerns(address)):
        tell_owner(
            f"bouncing:{row.pk}",
            subject=f"Mail to {address} comes back",
            text=f"{address} refuses mail: {reason}. {what}",
        )
    for mail in mails:
        fail_over(mail, address)


def _concerns(address: str) -> str:
    """What it means for the owner; "" when the address is nobody's."""
    asked = Ticket.objects.filter(requester=address).order_by("pk").last()
    unread = f"Answers to #{asked.pk} are not read there." if asked else ""
    is_contact = Contact.objects.filter(email=address).exists()
    moved = "The customer's other contacts get what concerns them all." if is_contact else ""
    return f"{moved} {unread}".strip()


def clear_bouncing(address: str) -> None:
    """Mail came from there: somebody reads it again."""
    BouncingAddress.objects.filter(address=address).delete()


def fail_over(mail: Mail, address: str) -> Mail | None:
    """Send *mail* to the customer's next contact; nobody if there is none, or two customers.

    Where the address belongs to contacts of two customers, the mail might be about the other one.
    """
    customers = set(Contact.objects.filter(email=address).values_list("customer_id", flat=True))
    if len(customers) != 1 or mail.key.startswith(PERSONAL):
        return None
    contact = _next_contact(customers.pop(), tried=[normalize_email(to) for to in mail.to])
    if contact is None:
        return None
    start = mail.key.partition(" to contact ")[0]
    return queue_again(mail, key=f"{start[:160]} to contact {contact.pk}", to=[contact.email])


def _next_contact(customer_id: int, *, tried: list[str]) -> Contact | None:
    roles = [Contact.Role.OWNER, Contact.Role.BILLING, Contact.Role.TECHNICAL]
    order = Case(
        *(When(role=role, then=Value(place)) for place, role in enumerate(roles)),
        output_field=IntegerField(),
    )
    dead = BouncingAddress.objects.values("address")
    others = Contact.objects.filter(customer_id=customer_id).exclude(
        Q(email__in=tried) | Q(email__in=dead)
    )
    return others.order_by(order, "pk").first()


def bouncing_contacts(customers: Iterable[Customer]) -> list[str]:
    """Addresses of these customers' people that refuse mail, for the banner on their page."""
    people = Contact.objects.filter(customer__in=customers).values("email")
    found = BouncingAddress.objects.filter(address__in=people)
    return list(found.values_list("address", flat=True))


def comes_back(field: str) -> Exists:
    """To annotate rows with: whether mail to the address in their *field* is refused."""
    return Exists(BouncingAddress.objects.filter(address=OuterRef(field)))
