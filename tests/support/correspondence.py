"""Who writes in the tests of mail, and how the owner answers."""

from django.utils import timezone

from support import tickets
from support.models import InboundMail, Ticket
from tests.support.desk import sent_to

DEV = "dev@company.example"
OWNER = "owner@shop.example"
STRANGER = "who@elsewhere.example"
Outcome, Status = InboundMail.Outcome, Ticket.Status


def answer(ticket: Ticket, text: str = "Try this.", *, closes: bool = False, key: str = "a1"):
    """The owner answers; what the customer gets."""
    tickets.answer_ticket(ticket.pk, body=text, closes=closes, key=key, at=timezone.now())
    return sent_to(ticket.requester)[-1]
