"""What the owner sees of one ticket: whom an answer reaches, and up to which words he has read."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from licenses.models import Customer
from support.models import BouncingAddress, Message
from support.turns import newest_words
from tests.support.desk import make_conversation
from tests.support.owner import DESK, DEV, seen_in
from tests.support.pages import page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday")]
DEAD, ALIVE = "dead@company.example", "alive@company.example"
ROBOT = "robot@company.example"


@pytest.mark.parametrize("dead", [[], [DEAD], [DEV], [DEV, DEAD], [ROBOT, "x@other.example"]])
def test_whoever_an_answer_would_not_reach_is_named(owner: Client, customer: Customer, dead):
    ticket = make_conversation(customer)
    for author in (ALIVE, DEAD, ROBOT):
        ticket.messages.create(
            kind=Message.Kind.CUSTOMER, author=author, key=author, is_automatic=author == ROBOT
        )
    for address in dead:
        BouncingAddress.objects.create(address=address, since=timezone.now())

    text = page(owner, f"{DESK}{ticket.pk}/")

    named = re.findall(r"Mail to (\S+) comes back", text)
    assert named == [one for one in dead if one in {DEV, DEAD}]
    assert ("<strong>mail comes back</strong>" in text) == (DEV in dead)  # the one contact


def test_a_requester_who_wrote_nothing_himself_is_named_too(owner: Client, customer: Customer):
    ticket = make_conversation(customer)
    ticket.messages.update(kind=Message.Kind.OWNER, author="")  # the owner wrote first
    BouncingAddress.objects.create(address=DEV, since=timezone.now())

    assert f"Mail to {DEV} comes back" in page(owner, f"{DESK}{ticket.pk}/")


def test_what_was_seen_is_what_a_person_wrote_last(owner: Client, customer: Customer):
    ticket = make_conversation(customer)
    last = ticket.messages.create(kind=Message.Kind.CUSTOMER, author=DEV, key="last")
    ticket.messages.create(kind=Message.Kind.CUSTOMER, author=DEV, key="r", is_automatic=True)
    ticket.messages.create(kind=Message.Kind.NOTE, key="note")

    seen = int(seen_in(page(owner, f"{DESK}{ticket.pk}/")))

    assert seen == last.pk == newest_words(ticket)
