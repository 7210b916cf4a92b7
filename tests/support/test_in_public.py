"""What may be said in public."""

import time

import pytest
from django.test import Client
from django.utils import timezone

from licenses.models import Customer, User
from support import tickets
from support.models import (
    Ticket,
)
from support.public import public_draft
from tests.support.desk import (
    sent_to,
    ticket_of,
)
from tests.support.mails import mail
from tests.support.owner import DESK, DEV, seen_in
from tests.support.pages import key_in, page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday")]


TELLING = """Hello, this is Jane Doe of Company 1234 (Acme Widgets GmbH).

Our worker at worker7.eu.company.example (10.20.30.40, 2001:db8::ff00:42:8329) says
https://__token__:wb_ix_0123456789abcdefghijklmnopqrstuvwxyz01@shop.example/simple/ refused.
Key AKIAIOSFODNN7EXAMPLE12, mail jane.doe@company.example or boss@gmail.com.

>>> x = items[1:2]
10:30:15 started

Regards, Jane
--
Jane Doe, +49 89 1234
"""


def test_an_answer_in_public_names_nobody(owner: Client, customer: Customer):
    """Scenario 23: no names, domains, keys, IPs; the closed ticket links the issue."""
    Customer.objects.filter(pk=customer.pk).update(name="Acme Widgets GmbH")
    ticket = ticket_of(mail(TELLING, sender="Jane Doe <jane.doe@company.example>"))
    tickets.answer_ticket(ticket.pk, body="Jane, use 2.1.", closes=True, key="a", at=timezone.now())

    text = page(owner, f"{DESK}{ticket.pk}/public/")
    draft = public_draft(Ticket.objects.get())

    for secret in ("Jane", "Doe", "Acme", "Widgets", "company.example", "worker7", "10.20.30.40",
                   "2001:db8", "wb_ix_", "AKIA", "boss@", "+49"):  # fmt: skip
        assert secret not in draft, secret
    for kept in (">>> x = items[1:2]", "10:30:15 started", "use 2.1.", "refused"):
        assert kept in draft, draft
    assert "[domain]" in text
    issue = "https://tracker.example/hare/7"
    fields = {"key": key_in(text), "seen": seen_in(text), "public_url": issue}
    for _ in range(2):  # a double click
        owner.post(f"{DESK}{ticket.pk}/public/", fields)
    ticket.refresh_from_db()
    assert ticket.status == "solved"
    assert [issue in one.body for one in sent_to("jane.doe@company.example")] == [0, 0, 1]
    client = Client()
    client.force_login(User.objects.get(email=DEV))
    assert issue in page(client, f"/account/tickets/{ticket.pk}/")


def test_on_github_the_draft_is_one_press_away(owner: Client, customer: Customer, settings):
    ticket = ticket_of(mail("It hangs & burns."))
    path = f"{DESK}{ticket.pk}/public/"
    assert "Open an issue" not in page(owner, path)

    settings.TRACKER_URL = "https://github.com/hare/hare/issues"

    form = "https://github.com/hare/hare/issues/new?title=Help&amp;body=%2A%2AQuestion%2A%2A"
    assert form in page(owner, path)
    assert "It+hangs+%26+burns." in page(owner, path)
    long = ticket_of(mail("word " * 2_000, number=2, sender="b@company.example"))
    assert "Open an issue" not in page(owner, f"{DESK}{long.pk}/public/")


@pytest.mark.parametrize(
    "piece", ["a", "a-", "a.", "a@", "1a:", "://a", "company.example.", "\n--\n"]
)
def test_a_draft_of_a_long_line_costs_no_minute(customer: Customer, piece: str):
    ticket = ticket_of(mail(piece * 30_000))
    began = time.process_time()

    public_draft(ticket)

    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "host", ["Domain=.company.example;", "a.b.c.company.example:80", "(company.example)"]
)
def test_every_host_of_the_customers_domain_is_taken_out(customer: Customer, host: str):
    assert "company" not in public_draft(
        ticket_of(mail(f"Set {host} there", sender="b@company.example"))
    )
