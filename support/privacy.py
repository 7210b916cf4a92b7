"""What is not kept, and what a customer may have or have deleted."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import models, transaction
from django.db.models import Q

from licenses.models import Contact
from outbox.models import Mail
from support.files import delete_file
from support.mails import digest_key
from support.models import (
    Attachment,
    AutomaticAnswer,
    BouncingAddress,
    InboundMail,
    MailEvent,
    Message,
    Ticket,
)

KEEP_STRANGERS = timedelta(days=30)
READ_WITHIN = timedelta(days=1)  # what comes before midnight is told of after it
BATCH = 100
_KEPT = {
    InboundMail.Outcome.WAITING,
    InboundMail.Outcome.TICKET,
    InboundMail.Outcome.MESSAGE,
    InboundMail.Outcome.REPLY,
}
_FORGOTTEN = [outcome for outcome in InboundMail.Outcome if outcome not in _KEPT]


def prune_old_mail(at: datetime) -> int:
    """Delete what is no customer's after 30 days; returns how many mails that were."""
    old = at - KEEP_STRANGERS
    mails = InboundMail.objects.filter(received_at__lt=old, outcome__in=_FORGOTTEN)
    events = MailEvent.objects.filter(received_at__lt=old)
    answers = AutomaticAnswer.objects.filter(answered_at__lt=old)
    found = [_some(rows) for rows in (mails, events, answers, _strangers_mailboxes(old))]
    if any(found):  # most rounds find nothing, and take no lock
        _delete(*found, old=old)
    return len(found[0]) + len(found[1])


def _strangers_mailboxes(old: datetime) -> Any:
    """Dead ones that are nobody's any more, or never were: forged senders that we pointed."""
    dead = BouncingAddress.objects.filter(since__lt=old)
    known = Q(address__in=Contact.objects.values("email"))
    return dead.exclude(known | Q(address__in=Ticket.objects.values("requester")))


def _some(rows: Any) -> list[int]:
    """Any hundred: a long delete would hold SQLite's only write lock, and an order costs a scan."""
    return list(rows.order_by().values_list("pk", flat=True)[:BATCH])


@transaction.atomic
def _delete(
    mails: list[int], events: list[int], answers: list[int], dead: list[int], *, old: datetime
) -> None:
    rows = InboundMail.objects.filter(pk__in=mails)
    held = rows.filter(outcome=InboundMail.Outcome.HELD).values_list("sender", flat=True)
    told = Mail.objects.filter(created_at__lt=old + READ_WITHIN)  # a flood of today has its own
    for sender in set(held):
        told.filter(key__startswith=f"flood:{digest_key(sender)}:").delete()
    rows.delete()
    Mail.objects.filter(key__in=[f"pointer:{pk}" for pk in mails]).delete()
    MailEvent.objects.filter(pk__in=events).delete()
    AutomaticAnswer.objects.filter(pk__in=answers).delete()
    _forget_mailboxes(BouncingAddress.objects.filter(pk__in=dead))


def _forget_mailboxes(dead: models.QuerySet[BouncingAddress]) -> None:
    """With the notices that told the owner of them."""
    told = [f"bouncing:{pk}" for pk in dead.values_list("pk", flat=True)]
    Mail.objects.filter(key__in=told).delete()
    dead.delete()


def export_tickets(customer_id: int) -> list[dict[str, Any]]:
    """Everything that was said in a customer's tickets, but for the owner's notes; for JSON."""
    tickets = Ticket.objects.filter(customer_id=customer_id).order_by("pk")
    return [_exported(ticket) for ticket in tickets.prefetch_related("messages__attachments")]


def _exported(ticket: Ticket) -> dict[str, Any]:
    shown = [one for one in ticket.messages.all() if one.kind != Message.Kind.NOTE]
    return {
        "ticket": ticket.pk,
        "subject": ticket.subject,
        "requester": ticket.requester,
        "status": ticket.status,
        "opened_at": ticket.opened_at.isoformat(),
        "solved_at": ticket.solved_at.isoformat() if ticket.solved_at else None,
        "merged_into": ticket.merged_into_id,
        "messages": [
            {
                "at": message.at.isoformat(),
                "by": message.kind,
                "author": message.author,
                "body": message.body,
                "attachments": [
                    {"filename": one.filename, "bytes": one.size, "id": one.pk}
                    for one in message.attachments.all()
                ],
            }
            for message in shown
        ],
    }


@transaction.atomic
def delete_tickets(customer_id: int) -> int:
    """Delete a customer's tickets with mails, files and what we sent; how many tickets it were.

    The count of a quarter goes with them. The files go after the commit. Before his people are
    forgotten: it is by their addresses that mail without a ticket is found.
    """
    tickets = Ticket.objects.filter(customer_id=customer_id)
    messages = Message.objects.filter(ticket__in=tickets)
    files = list(
        Attachment.objects.filter(message__in=messages).values_list("stored_as", flat=True)
    )
    keys = list(messages.filter(kind=Message.Kind.MACHINE).values_list("key", flat=True))
    for pk in messages.values_list("pk", flat=True):
        keys += [f"answer:{pk}", f"notify:{pk}"]
    people = list(Contact.objects.filter(customer_id=customer_id).values_list("email", flat=True))
    people += tickets.values_list("requester", flat=True)
    Mail.objects.filter(key__in=keys).delete()
    InboundMail.objects.filter(ticket__in=tickets).delete()
    InboundMail.objects.filter(sender__in=people, ticket=None).delete()
    AutomaticAnswer.objects.filter(address__in=people).delete()
    _forget_mailboxes(BouncingAddress.objects.filter(address__in=people))
    number = tickets.count()
    tickets.delete()
    for name in files:
        transaction.on_commit(partial(delete_file, name))
    return number
