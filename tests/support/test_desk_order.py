"""The owner brings order in: tickets merged, split, made by hand; what crossed, and files."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from licenses.models import Customer, User
from support.display import fold_quotes
from support.models import Attachment, Ticket
from tests.support.desk import answering, sent_to, take, ticket_of
from tests.support.mails import mail
from tests.support.owner import DESK, DEV, seen_in, send
from tests.support.pages import key_in, page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday")]


def test_tickets_are_merged(owner: Client, customer: Customer):
    first = ticket_of(mail(number=1))
    second = ticket_of(mail(number=2, sender="b@company.example"))

    response = owner.post(f"{DESK}{second.pk}/merge/", {"into": f"#{first.pk}"})

    assert response["Location"] == f"{DESK}{first.pk}/"
    assert owner.get(f"{DESK}{second.pk}/")["Location"] == f"{DESK}{first.pk}/"
    for odd in ("", "x", "9" * 30, str(first.pk), "²"):
        owner.post(f"{DESK}{first.pk}/merge/", {"into": odd})
    first.refresh_from_db()
    assert first.merged_into is None


def test_a_strangers_mail_becomes_a_ticket_by_hand(owner: Client, customer: Customer):
    row = take(mail("Do you sell to schools?", sender="who@elsewhere.example"))
    assert "Help" in page(owner, f"{DESK}inbox/")

    for odd in ("x", "999999", "9" * 30, "who@elsewhere.example"):
        owner.post(f"{DESK}inbox/{row.pk}/adopt/", {"customer": odd})
    assert Ticket.objects.count() == 0
    for _ in range(2):  # a double click
        owner.post(f"{DESK}inbox/{row.pk}/adopt/", {"customer": customer.pk})

    ticket = Ticket.objects.get()
    assert (ticket.requester, ticket.matched_by) == ("who@elsewhere.example", "hand")
    send(owner, ticket, "wait")
    ours = sent_to("who@elsewhere.example")[-1]
    reply = take(answering(ours, "Thanks", sender="who@elsewhere.example"))
    assert reply.ticket == ticket


def test_the_raw_mail_can_be_taken_away(owner: Client):
    raw = b"From: \xff\x00\r\n\r\n<script>"
    row = take(raw)

    response = owner.get(f"{DESK}inbox/{row.pk}/raw/")

    assert response.content == raw
    assert response["Content-Type"] == "application/octet-stream"
    assert "sender: not one address" in page(owner, f"{DESK}inbox/")


def test_what_was_forged_is_shown_beside_the_ticket(owner: Client, customer: Customer):
    """Scenario 33: the attempt is shown to the owner."""
    ticket = ticket_of(mail())
    ours = sent_to(DEV)[0]
    take(answering(ours, "Tell me", sender="who@elsewhere.example"))

    text = page(owner, f"{DESK}{ticket.pk}/")

    assert "Not appended: who@elsewhere.example" in text
    assert "wrote with a valid token but from elsewhere" in text
    assert "Tell me" not in text


@pytest.mark.parametrize("who", [None, DEV])
def test_nobody_else_writes_from_the_desk(customer: Customer, who: str | None):
    ticket = ticket_of(mail())
    row = take(mail(sender="who@elsewhere.example", number=9))
    client = Client()
    if who:
        client.force_login(User.objects.get(email=who))
    key = {"key": "a" * 32, "body": "Evil"}

    client.post(f"{DESK}{ticket.pk}/answer/", {**key, "deed": "close"})
    client.post(f"{DESK}{ticket.pk}/facts/", {"cause": "bug"})
    client.post(f"{DESK}inbox/{row.pk}/adopt/", {"customer": customer.pk})
    client.post(f"{DESK}inbox/{row.pk}/append/")
    client.post(f"{DESK}inbox/put-away/", {"mail": row.pk})
    client.post(f"{DESK}{ticket.pk}/public/", {**key, "public_url": "https://x.example/"})

    ticket.refresh_from_db()
    row.refresh_from_db()
    assert (ticket.status, ticket.cause, ticket.public_url) == ("open", "", "")
    assert (row.outcome, row.put_away_at) == ("stranger", None)
    assert Ticket.objects.count() == 1


def test_an_answer_that_crossed_with_the_customers_words_is_kept_and_not_sent(
    owner: Client, customer: Customer
):
    ticket = ticket_of(mail())
    text = page(owner, f"{DESK}{ticket.pk}/")
    fields = {"key": key_in(text), "seen": seen_in(text), "body": "Try 2.1.", "deed": "close"}
    take(answering(sent_to(DEV)[0], "It was our proxy.", sender=DEV))

    response = owner.post(f"{DESK}{ticket.pk}/answer/", fields)

    again = response.content.decode()
    assert response.status_code == 422
    assert "the customer wrote meanwhile" in again
    assert ">Try 2.1.</textarea>" in again
    assert "It was our proxy." in again
    assert len(sent_to(DEV)) == 1
    fields |= {"key": key_in(again), "seen": seen_in(again)}
    assert owner.post(f"{DESK}{ticket.pk}/answer/", fields)["Location"] == DESK


def test_the_owner_attaches_a_file(owner: Client, customer: Customer):
    ticket = ticket_of(mail())
    fields = {"key": "a" * 32, "body": "See the patch.", "deed": "wait"}
    file = SimpleUploadedFile("fix.patch", b"diff")

    owner.post(f"{DESK}{ticket.pk}/answer/", {**fields, "files": file})

    client = Client()
    client.force_login(User.objects.get(email=DEV))
    stored = Attachment.objects.get()
    assert f"/account/tickets/files/{stored.pk}/" in sent_to(DEV)[-1].body
    assert client.get(f"/account/tickets/files/{stored.pk}/").content == b"diff"


def test_another_matter_becomes_a_ticket_of_its_own(owner: Client, customer: Customer):
    ticket = ticket_of(mail(subject="It hangs"))
    send(owner, ticket, "wait")
    ours = sent_to(DEV)[-1]
    take(answering(ours, "Fixed. By the way, do you do invoices?", sender=DEV))
    split_off = ticket.messages.get(body__contains="invoices")

    for _ in range(2):  # a double click
        owner.post(f"{DESK}messages/{split_off.pk}/split/", {"subject": "Invoices"})

    new = Ticket.objects.exclude(pk=ticket.pk).get()
    ticket.refresh_from_db()
    assert (new.subject, new.status, new.follows) == ("Invoices", "open", ticket)
    assert (ticket.status, ticket.due_at) == ("pending", None)
    assert "2 of 1" in page(owner, f"{DESK}{new.pk}/")
    send(owner, new, "wait", body="From $10,000 up.")
    theirs = sent_to(DEV)[-1]
    assert theirs.subject == "Re: Invoices"
    assert take(answering(theirs, "Thanks", sender=DEV, number=2)).ticket == new
    assert take(answering(ours, "And thanks", sender=DEV, number=3)).ticket == ticket


def test_an_answer_to_what_was_split_off_goes_where_it_went(owner: Client, customer: Customer):
    """The address still has the first ticket's token; the message that is answered decides."""
    ticket = ticket_of(mail())
    send(owner, ticket, "wait")
    take(answering(sent_to(DEV)[-1], "Another thing.", sender=DEV))
    split_off = ticket.messages.get(body__contains="Another thing")
    send(owner, ticket, "wait", body="Aha.")
    theirs = sent_to(DEV)[-1]
    owner.post(f"{DESK}messages/{split_off.pk}/split/")
    new = Ticket.objects.exclude(pk=ticket.pk).get()

    row = take(answering(theirs, "Yes!", sender=DEV, number=2))

    assert row.ticket == new
    assert new.messages.count() == 3


def test_the_first_words_of_a_ticket_stay_in_it(owner: Client, customer: Customer):
    ticket = ticket_of(mail())
    first = ticket.messages.get(kind="customer")

    owner.post(f"{DESK}messages/{first.pk}/split/")

    assert Ticket.objects.get() == ticket
    assert "Not split" in page(owner, f"{DESK}{ticket.pk}/")
    assert f"messages/{first.pk}/split" not in page(owner, f"{DESK}{ticket.pk}/")


def test_quotes_are_folded_and_sessions_are_not():
    text = "Hi\n> one\n> two\n> three\nok\n>>> import x\n>>> y\n>>> z\n> short\nend"

    blocks = fold_quotes(text)

    assert "\n".join(block.text for block in blocks) == text
    assert [block.text for block in blocks if block.is_quote] == ["> one\n> two\n> three"]
