"""What the owner does at his desk, in tests."""

import re

from django.test import Client

from support.models import Ticket
from tests.support.pages import key_in, page

DEV = "dev@company.example"
DESK = "/owner/tickets/"


def send(owner: Client, ticket: Ticket, deed: str, body: str = "Try 2.1."):
    path = f"{DESK}{ticket.pk}/"
    fields = {"key": key_in(page(owner, path)), "body": body, "deed": deed}
    return owner.post(f"{path}answer/", fields)


def seen_in(text: str) -> str:
    found = re.search(r'name="seen" value="([0-9]+)"', text)
    assert found
    return found[1]
