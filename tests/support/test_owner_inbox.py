"""Mail that is no ticket, and mail that the owner writes first."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from licenses.models import Customer, User
from support.models import (
    Ticket,
)
from support.quota import quota_of
from tests.support.desk import (
    MONDAY,
    answering,
    end_licenses,
    sent_to,
    take,
    ticket_of,
)
from tests.support.mails import mail
from tests.support.owner import DESK, DEV, send
from tests.support.pages import page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday")]


def test_a_strangers_mail_is_read_in_the_inbox(owner: Client):
    row = take(mail("Do you sell to schools?", sender="who@elsewhere.example"))

    text = page(owner, f"{DESK}inbox/{row.pk}/")

    assert "Do you sell to schools?" in text
    assert f"{DESK}inbox/{row.pk}/" in page(owner, f"{DESK}inbox/")


def test_somebody_new_gets_a_ticket_and_answers_by_mail(owner: Client):
    stranger = "Who Else <who@elsewhere.example>"
    row = take(mail("Do you sell to schools?", sender=stranger))

    for _ in range(2):  # a double click
        owner.post(f"{DESK}inbox/{row.pk}/adopt/", {"customer": ""})

    ticket = Ticket.objects.get()
    assert str(Customer.objects.get()) == "Who Else"
    assert not User.objects.filter(email="who@elsewhere.example").exists()  # nothing is proven
    send(owner, ticket, "wait", body="Yes.")
    reply = take(answering(sent_to("who@elsewhere.example")[-1], "Good", sender=stranger))
    assert reply.ticket == ticket


def test_a_robots_mail_made_a_ticket_gets_no_answer_of_our_machine(
    owner: Client, customer: Customer
):
    row = take(mail("Build failed", headers={"Auto-Submitted": "auto-generated"}))
    assert row.outcome == "automatic"

    owner.post(f"{DESK}inbox/{row.pk}/adopt/", {"customer": customer.pk})

    ticket = Ticket.objects.get()
    assert sent_to(DEV) == []
    assert ticket.messages.get().is_automatic
    assert str(quota_of(customer.pk, timezone.now())) == "0 of 1"
    send(owner, ticket, "wait", body="Which build?")
    assert sent_to(DEV)[0].body.startswith("Which build?")


def test_a_customer_is_named_by_an_address_too(owner: Client, customer: Customer):
    row = take(mail(sender="jane@private.example"))

    owner.post(f"{DESK}inbox/{row.pk}/adopt/", {"customer": "DEV@company.example"})

    assert Ticket.objects.get().customer == customer


def test_a_lapsed_customer_is_named_by_his_own_mail(owner: Client, customer: Customer):
    end_licenses(customer)
    row = take(mail())

    assert f'name="customer" value="{customer.pk}"' in page(owner, f"{DESK}inbox/{row.pk}/")


def test_what_was_put_away_is_out_of_sight(owner: Client):
    rows = [take(mail(number=n, sender=f"{n}@elsewhere.example")) for n in range(2)]

    owner.post(f"{DESK}inbox/put-away/", {"mail": [rows[0].pk, "x", "²", "9" * 30]})

    assert "1 mail of nobody" in page(owner, DESK)
    assert rows[0].sender not in page(owner, f"{DESK}inbox/")
    assert rows[1].sender in page(owner, f"{DESK}inbox/")
    assert owner.get(f"{DESK}inbox/{rows[0].pk}/").status_code == 200


def test_a_quarantined_mail_is_added_by_who_knows_the_sender(owner: Client, customer: Customer):
    ticket = ticket_of(mail())
    ours = sent_to(DEV)[0]
    row = take(answering(ours, "From home.", sender="jane@private.example"))
    assert f"add it to #{ticket.pk}" in page(owner, f"{DESK}inbox/{row.pk}/")

    for _ in range(2):
        owner.post(f"{DESK}inbox/{row.pk}/append/")

    assert ticket.messages.filter(body__contains="From home.").count() == 1
    assert "Not appended" not in page(owner, f"{DESK}{ticket.pk}/")
    send(owner, ticket, "wait")
    assert sent_to(DEV)[-1].to == [DEV, "jane@private.example"]


@pytest.mark.parametrize("raw", [b"\xff", b"{}"])
def test_a_mail_without_a_sender_is_nobodys(owner: Client, raw: bytes):
    row = take(raw)
    owner.post(f"{DESK}inbox/{row.pk}/adopt/", {"customer": ""})
    owner.post(f"{DESK}inbox/{row.pk}/append/")

    assert Ticket.objects.count() == Customer.objects.count() == 0
    assert "Make a ticket" not in page(owner, f"{DESK}inbox/{row.pk}/")


def test_the_admin_leads_to_the_desk_and_back(owner: Client):
    assert f'<a href="{DESK}">Answer tickets</a>' in page(owner, "/owner/")
    assert '<a href="/owner/">Admin</a>' in page(owner, DESK)


def write(owner: Client, **fields: str):
    given = {"key": "b" * 32, "to": DEV, "subject": "Your key", "body": "It leaked.", **fields}
    return owner.post(f"{DESK}new/", given)


def test_the_owner_writes_first_and_the_answer_comes_back(owner: Client, customer: Customer):
    responses = [write(owner) for _ in range(2)]  # a double click

    ticket = Ticket.objects.get()
    assert {one["Location"] for one in responses} == {f"{DESK}{ticket.pk}/"}
    assert (ticket.customer, ticket.status, ticket.counts) == (customer, "pending", False)
    first = sent_to(DEV)[0]
    assert first.subject == "Your key"
    assert "Auto-Submitted" not in first.extra_headers  # a person wrote it
    assert take(answering(first, "Thanks!", sender=DEV)).ticket == ticket
    ticket.refresh_from_db()
    assert ticket.due_at == MONDAY + timedelta(days=2)
    send(owner, ticket, "wait")
    assert sent_to(DEV)[-1].subject == "Re: Your key"


def test_the_card_leads_to_a_form_that_is_filled_in(owner: Client, customer: Customer):
    ticket = ticket_of(mail())
    link = f"{DESK}new/?customer={customer.pk}"
    assert link in page(owner, f"{DESK}{ticket.pk}/")

    assert f'value="{DEV}"' in page(owner, link)
    for odd in ("", "x", "9" * 30):
        page(owner, f"{DESK}new/?customer={odd}")


@pytest.mark.parametrize(
    "fields",
    [
        {"to": "x"},
        {"to": "who@elsewhere.example"},
        {"customer": "99999"},
        {"body": " "},
        {"key": ""},
    ],
)
def test_what_cannot_be_sent_is_shown_again(owner: Client, customer: Customer, fields):
    response = write(owner, **fields)

    assert response.status_code == 422
    assert "Your key" in response.content.decode()
    assert Ticket.objects.count() == 0
