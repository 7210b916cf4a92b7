"""How an answer finds its ticket: a token in the address, and Message-IDs of our own.

Never the subject: whoever knows a number would be let in.
"""

import base64
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db import models

from lib.sealing import derive
from outbox.models import Mail
from support.models import Message, Ticket

MAX_CONTINUED = 20  # messages looked at
MAX_REFERENCES_CHARS = 1_500  # relays refuse headers above 4,096
CUSTOMER, OWNER = "t", "o"
_TOKEN = re.compile(r"\+([to])_([0-9]{1,18})_([a-z2-7]{26})@", re.IGNORECASE)


@dataclass(frozen=True)
class Token:
    """Lets its side write to a ticket: "t" the customer's, "o" the owner's."""

    side: str
    ticket_id: int


def reply_address(ticket: Ticket, *, side: str = CUSTOMER) -> str:
    """`support+t_12_…@shop.example`: 128 bits that follow from ticket, side and person."""
    local, _, domain = settings.SUPPORT_EMAIL.partition("@")
    return f"{local}+{side}_{ticket.pk}_{_mac(ticket, side)}@{domain}"


def find_token(addresses: Iterable[str]) -> tuple[Token, Ticket] | None:
    """The first valid token in the addresses that a mail came to, and its ticket."""
    for address in addresses:
        for side, number, mac in _TOKEN.findall(address[:10_000])[:20]:
            ticket = Ticket.objects.filter(pk=int(number)).first()
            side = side.lower()  # noqa: PLW2901
            if ticket and hmac.compare_digest(_mac(ticket, side), mac.lower()):
                return Token(side, ticket.pk), ticket
    return None


def _mac(ticket: Ticket, side: str) -> str:
    # Local parts of addresses are often lower-cased on the way: base32 survives that.
    person = ticket.requester if side == CUSTOMER else settings.OWNER_EMAIL.lower()
    digest = derive("reply address", f"{side}:{ticket.pk}:{person}")
    return base64.b32encode(digest[:16]).decode().rstrip("=").lower()


def new_message_id(ticket_id: int) -> str:
    """Names the ticket for people; the 64 random bits are what makes it ours."""
    return f"<t{ticket_id}.{secrets.token_hex(8)}@{settings.HOST}>"


def find_answered(answers: Iterable[str]) -> Ticket | None:
    """The ticket of the nearest of our own messages that a mail answers or refers to."""
    named = list(answers)
    wanted = [one for one in named if one.endswith(f"@{settings.HOST}>")] + _replaced(named)
    ours = Message.objects.exclude(kind=Message.Kind.NOTE).filter(message_id__in=wanted)
    found = {message.message_id: message.ticket for message in ours.select_related("ticket")}
    return next((found[one] for one in wanted if one in found), None)


def find_continued(answers: Iterable[str]) -> list[Ticket]:
    """Tickets with a customer's mail that is answered, the nearest first.

    Such ids are no secret, and anybody may write one on his mail: ask who it is that uses it.
    """
    wanted = list(answers)
    said = Message.objects.filter(kind=Message.Kind.CUSTOMER, message_id__in=wanted)
    found = said.select_related("ticket__merged_into").order_by("pk")[:MAX_CONTINUED]
    nearest = sorted(found, key=lambda message: wanted.index(message.message_id))
    return [message.ticket for message in nearest]


def _replaced(ids: list[str]) -> list[str]:
    """Our own ids of those mails that a provider sent under an id of its own."""
    return list(renamed_mails(ids).values_list("message_id", flat=True))


def renamed_mails(ids: Iterable[str]) -> models.QuerySet[Mail]:
    """Mails of ours that a provider sent under one of these ids, with its domain or without."""
    theirs = {one.strip("<>") for one in ids}
    theirs |= {one.partition("@")[0] for one in theirs}
    theirs.discard("")
    return Mail.objects.filter(provider_id__in=theirs | {f"<{one}>" for one in theirs})


def threading_headers(ticket: Ticket, own_id: str) -> dict[str, str]:
    """Our id stands in References too: some providers replace a Message-ID, none a reference."""
    earlier = list(
        ticket.messages.exclude(message_id="")
        .exclude(kind=Message.Kind.NOTE)
        .values_list("message_id", flat=True)
    )
    theirs = ticket.messages.filter(kind=Message.Kind.CUSTOMER).exclude(message_id="").last()
    headers = {
        "Message-ID": own_id,
        "References": " ".join(_shortened([*(one for one in earlier if one != own_id), own_id])),
        "Reply-To": reply_address(ticket),
    }
    if theirs is not None:
        headers["In-Reply-To"] = theirs.message_id
    return headers


def _shortened(ids: list[str]) -> list[str]:
    """The first and the last ones, 1,500 characters together."""
    first, last = ids[:1], list[str]()
    room = MAX_REFERENCES_CHARS - len(first[0])
    for one in reversed(ids[1:]):
        room -= len(one) + 1
        if room < 0:
            break
        last.insert(0, one)
    return first + last
