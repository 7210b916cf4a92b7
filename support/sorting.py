"""Whose is a mail, and which ticket is it about? Decides only; `support.receiving` acts."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from licenses.entitlements import support_allowance
from licenses.models import Contact, Customer, normalize_email
from outbox.mail import OURS
from support.addresses import organization_of
from support.automatic import automatic_reason
from support.bounces import failed_addresses
from support.models import InboundMail, Message, Ticket
from support.reading import ReadMail
from support.references import OWNER, Token, find_answered, find_continued, find_token
from support.tickets import REOPENS_WITHIN

MAX_AN_HOUR = 20  # mails from one address
MAX_COLLEAGUES = 50  # contacts looked at for a domain
Outcome, Match = InboundMail.Outcome, Ticket.Match
_REPORTERS = ("mailer-daemon@", "postmaster@")


@dataclass(frozen=True)
class Verdict:
    """Where a mail belongs, and why."""

    outcome: InboundMail.Outcome
    note: str = ""
    ticket: Ticket | None = None  # of the outcome; for a new one, the ticket that it follows
    customer_id: int | None = None
    matched_by: Ticket.Match = Match.CONTACT
    automatic: str = ""  # why it is a machine's; "" for a person's
    verified: str = ""
    failed: tuple[str, ...] = ()


def sort_mail(mail: ReadMail, row: InboundMail, at: datetime) -> Verdict:
    """The verdict on one mail. Reply token, then our own Message-IDs, then the sender."""
    automatic = automatic_reason(mail.headers, has_null_sender=row.has_null_sender)
    if is_own(mail):
        return Verdict(Outcome.OWN, "our own mail came back")
    if automatic or mail.sender.startswith(_REPORTERS):
        failed = failed_addresses(mail)
        if failed:
            return Verdict(Outcome.BOUNCE, automatic=automatic, failed=tuple(failed))
    if is_flood(row, mail.sender):
        return Verdict(Outcome.HELD, f"more than {MAX_AN_HOUR} in an hour from {mail.sender}")
    verified = verified_by(mail)
    verdict = _by_thread(mail, row, at, automatic) or _by_sender(mail, at, automatic)
    return Verdict(**{**vars(verdict), "automatic": automatic, "verified": verified})


def is_own(mail: ReadMail) -> bool:
    return (
        mail.first(OURS.lower()).strip() == settings.HOST
        and mail.message_id.endswith(f"@{settings.HOST}>")
    )  # fmt: skip


def is_flood(row: InboundMail, sender: str) -> bool:
    """Too many from one address; the owner may answer as many tickets as he likes."""
    if sender == normalize_email(settings.OWNER_EMAIL):
        return False
    hour = (row.received_at - timedelta(hours=1), row.received_at)
    earlier = InboundMail.objects.filter(sender=sender, received_at__range=hour)
    return bool(sender) and earlier.exclude(pk=row.pk).count() >= MAX_AN_HOUR


def verified_by(mail: ReadMail) -> str:
    """What our own mail server says of the sender: "pass", "fail", or "" when it does not.

    Only its topmost Authentication-Results counts; whoever wrote the mail may have added others.
    """
    server, _, results = mail.first("authentication-results").partition(";")
    if not settings.MAIL_AUTHSERV_ID or server.strip() != settings.MAIL_AUTHSERV_ID:
        return Message.Verified.UNKNOWN
    found = dict(re.findall(r"\b(dmarc|spf|dkim)\s*=\s*(\w+)", results.lower())[::-1])
    if "dmarc" in found and found["dmarc"] in {"pass", "fail"}:
        return Message.Verified(found["dmarc"])
    passed = "pass" in {found.get("spf"), found.get("dkim")}
    return Message.Verified.PASS if passed else Message.Verified.FAIL


def _by_thread(mail: ReadMail, row: InboundMail, at: datetime, automatic: str) -> Verdict | None:
    """The ticket that a reply token or an own Message-ID names, if the sender may write there."""
    came_to = [row.envelope_to]
    for name in ("to", "cc", "delivered-to", "x-original-to"):
        came_to += mail.headers.get(name, [])
    found = find_token(came_to)
    if found and found[0].side == OWNER:
        return _from_owner(mail, found[1], automatic)
    ticket = _named(found, mail) or _continued(mail)
    if ticket is None:
        return None
    ticket = ticket.merged_into or ticket
    if not may_write_to(ticket, mail.sender):
        how = "a valid token" if found else "one of our Message-IDs"
        return Verdict(
            Outcome.QUARANTINED, f"wrote with {how} but from elsewhere: {mail.sender}", ticket
        )
    if is_long_solved(ticket, at) and not automatic:
        return _for_customer(ticket.customer_id, at, Match.CONTACT, follows=ticket)
    return Verdict(Outcome.MESSAGE, ticket=ticket, customer_id=ticket.customer_id)


def _named(found: tuple[Token, Ticket] | None, mail: ReadMail) -> Ticket | None:
    """The ticket of the token; but the message that is answered may have moved to another one."""
    answered = find_answered(mail.answers)
    if found is None:
        return answered
    if answered is not None and answered.customer_id == found[1].customer_id:
        return answered
    return found[1]


def _continued(mail: ReadMail) -> Ticket | None:
    """Who adds to his own or a colleague's mail; to others the id of such a mail opens nothing."""
    tickets = [ticket.merged_into or ticket for ticket in find_continued(mail.answers)]
    return next((ticket for ticket in tickets if may_write_to(ticket, mail.sender)), None)


def _from_owner(mail: ReadMail, ticket: Ticket, automatic: str) -> Verdict:
    """The owner's own answer to a notification: his address, his token, and no robot of his."""
    is_his = mail.sender == normalize_email(settings.OWNER_EMAIL) and mail.sender != ""
    if not is_his or verified_by(mail) == Message.Verified.FAIL:
        return Verdict(Outcome.QUARANTINED, "the owner's token, from somebody else", ticket)
    if automatic:
        return Verdict(Outcome.AUTOMATIC, "the owner's robot", ticket)
    return Verdict(Outcome.REPLY, ticket=ticket, customer_id=ticket.customer_id)


def may_write_to(ticket: Ticket, sender: str) -> bool:
    """Contacts of the ticket's customer, their colleagues, and whoever was in it before."""
    if not sender:
        return False
    if sender == ticket.requester or sender in _authors(ticket):
        return True
    contacts = Contact.objects.filter(customer_id=ticket.customer_id)
    organization = organization_of(sender)
    return any(
        contact.email == sender or (organization and organization_of(contact.email) == organization)
        for contact in contacts
    )


def _authors(ticket: Ticket) -> set[str]:
    said = ticket.messages.filter(kind=Message.Kind.CUSTOMER)
    return set(said.values_list("author", flat=True))


def is_long_solved(ticket: Ticket, at: datetime) -> bool:
    return ticket.solved_at is not None and ticket.solved_at < at - REOPENS_WITHIN


def _by_sender(mail: ReadMail, at: datetime, automatic: str) -> Verdict:
    if not mail.sender:
        return Verdict(Outcome.UNREADABLE, "no sender")
    if automatic:
        return Verdict(Outcome.AUTOMATIC, automatic)
    customer_id, matched_by = find_customer(mail.sender, at)
    if customer_id is None:
        return Verdict(Outcome.STRANGER)
    return _for_customer(customer_id, at, matched_by)


def _for_customer(
    customer_id: int, at: datetime, matched_by: Ticket.Match, follows: Ticket | None = None
) -> Verdict:
    if support_allowance(customer_id, at) is None:
        return Verdict(Outcome.LAPSED, "no license is current", customer_id=customer_id)
    return Verdict(Outcome.TICKET, "", follows, customer_id, matched_by)


def find_customer(sender: str, at: datetime) -> tuple[int | None, Ticket.Match]:
    """Whose contact, or whose contact's colleague, wrote; customers with a license come first."""
    exact = Contact.objects.filter(email=sender).values_list("customer_id", flat=True)
    found = _best(set(exact), at)
    if found is not None:
        return found, Match.CONTACT
    return _best(_colleagues_of(sender), at), Match.DOMAIN


def _colleagues_of(sender: str) -> set[int]:
    organization = organization_of(sender)
    if not organization:
        return set()
    ends = Q(email__endswith=f"@{organization}") | Q(email__endswith=f".{organization}")
    contacts = Contact.objects.filter(ends).order_by("pk")[:MAX_COLLEAGUES]
    return {one.customer_id for one in contacts if organization_of(one.email) == organization}


def _best(customer_ids: set[int], at: datetime) -> int | None:
    """A customer who has licensed something, oldest first; those with a current license before."""
    licensed = Customer.objects.filter(pk__in=customer_ids, licenses__isnull=False).distinct()
    ordered = list(licensed.order_by("created_at", "pk").values_list("pk", flat=True))
    current = [pk for pk in ordered if support_allowance(pk, at) is not None]
    return next(iter(current + ordered), None)
