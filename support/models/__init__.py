"""Tickets inside a quota, and every mail that came in, raw first."""

from support.models.calendar import Vacation, WorkingTime
from support.models.people import AutomaticAnswer, BouncingAddress
from support.models.raw import InboundMail, MailEvent
from support.models.replies import CannedReply
from support.models.tickets import Attachment, Message, Ticket

__all__ = [
    "Attachment",
    "AutomaticAnswer",
    "BouncingAddress",
    "CannedReply",
    "InboundMail",
    "MailEvent",
    "Message",
    "Ticket",
    "Vacation",
    "WorkingTime",
]
