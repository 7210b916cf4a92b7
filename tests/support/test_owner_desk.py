"""The owner's desk, and what it may say in public."""

from datetime import date, timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from licenses.models import Credential, Customer, User
from outbox.models import Mail
from support import tickets
from support.display import fold_quotes
from support.models import (
    Attachment,
    AutomaticAnswer,
    CannedReply,
    InboundMail,
    MailEvent,
    Message,
    Ticket,
)
from support.privacy import delete_tickets, export_tickets, prune_old_mail
from support.public import public_draft
from tests.make import make_credential
from tests.support.desk import (
    MONDAY,
    answering,
    make_conversation,
    make_licensed,
    sent_to,
    take,
    ticket_of,
)
from tests.support.mails import mail
from tests.support.test_customer_pages import key_in, page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday")]
DEV = "dev@company.example"
DESK = "/owner/tickets/"


@pytest.fixture
def owner(settings) -> Client:
    settings.OWNER_NEEDS_SECOND_FACTOR = False
    client = Client()
    client.force_login(User.objects.create_superuser("owner@shop.example"))
    return client


@pytest.fixture
def customer() -> Customer:
    return make_licensed(DEV)


def send(owner: Client, ticket: Ticket, deed: str, body: str = "Try 2.1."):
    path = f"{DESK}{ticket.pk}/"
    fields = {"key": key_in(page(owner, path)), "body": body, "deed": deed}
    return owner.post(f"{path}answer/", fields)


def test_the_list_shows_what_is_due_soonest_first(owner: Client, customer: Customer, monday):
    late = ticket_of(mail(subject="Old one", number=1))
    monday.move_to(MONDAY + timedelta(days=9))
    ticket_of(mail(subject="New one", number=2))
    waiting = ticket_of(mail(subject="Waits", number=3))
    tickets.answer_ticket(waiting.pk, body="?", closes=False, key="w", at=timezone.now())

    text = page(owner, DESK)

    order = [text.index(one) for one in ("late:", "Old one", "New one", "Waits")]
    assert order == sorted(order)
    assert "2nd" in text
    assert late.pk


def test_a_ticket_page_has_the_customers_card_beside_it(owner: Client, customer: Customer):
    credential, _ = make_credential(customer, "ci")
    Credential.objects.filter(pk=credential.pk).update(
        last_used_at=timezone.now(), last_client="pip/26.3"
    )
    before = make_conversation(customer)
    ticket = ticket_of(mail())

    text = page(owner, f"{DESK}{ticket.pk}/")

    for fact in ("Hare Pro", "pip/26.3", f"#{before.pk} It hangs", "2 of 1", "Customer since"):
        assert fact in text


def test_open_reply_send_and_next(owner: Client, customer: Customer):
    first = ticket_of(mail(number=1))
    second = ticket_of(mail(number=2, sender="b@company.example"))

    response = send(owner, first, "wait")

    assert response["Location"] == f"{DESK}{second.pk}/"
    assert send(owner, second, "close")["Location"] == DESK
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == ("pending", "solved")
    assert sent_to(DEV)[-1].body.startswith("Try 2.1.")


def test_an_answer_sent_twice_leaves_once(owner: Client, customer: Customer):
    ticket = ticket_of(mail())
    path = f"{DESK}{ticket.pk}/"
    fields = {"key": key_in(page(owner, path)), "body": "Try", "deed": "wait"}

    for _ in range(2):
        owner.post(f"{path}answer/", fields)

    assert ticket.messages.filter(kind=Message.Kind.OWNER).count() == 1
    assert len(sent_to(DEV)) == 2


@pytest.mark.parametrize("deed", ["wait", "close", "note"])
def test_nothing_is_sent_without_words(owner: Client, customer: Customer, deed: str):
    ticket = ticket_of(mail())

    send(owner, ticket, deed, body=" ")

    assert ticket.messages.exclude(kind="machine").count() == 1


def test_a_note_stays_in_the_house(owner: Client, customer: Customer):
    ticket = ticket_of(mail())

    send(owner, ticket, "note", body="pays late")

    assert "pays late" in page(owner, f"{DESK}{ticket.pk}/")
    assert len(sent_to(DEV)) == 1


def test_bounce_back_is_one_press(owner: Client, customer: Customer):
    """Scenario 10, the button."""
    ticket_of(mail(number=1, sender="b@company.example"))
    second = ticket_of(mail(number=2))
    assert "2nd this quarter" in page(owner, f"{DESK}{second.pk}/")

    send(owner, second, "bounce", body="")

    second.refresh_from_db()
    assert second.status == "solved"
    assert "used up" in sent_to(DEV)[-1].body


def test_a_canned_reply_is_filled_in(owner: Client, customer: Customer):
    CannedReply.objects.update_or_create(
        slug="versions", defaults={"title": "V", "body": "{name}: #{ticket} {unknown} {base_url}"}
    )
    ticket = ticket_of(mail())

    text = page(owner, f"{DESK}{ticket.pk}/?canned=versions")

    assert f"Dev: #{ticket.pk} {{unknown}} http://testserver" in text


def test_facts_are_noted_and_repeated_causes_listed(owner: Client, customer: Customer):
    for number in range(2):
        ticket = ticket_of(mail(number=number, sender=f"{number}@company.example"))
        fields = {"cause": "how-to", "topic": "401 after a new card", "task": "say so in the 401"}
        owner.post(f"{DESK}{ticket.pk}/facts/", fields)

    ticket.refresh_from_db()
    assert (ticket.cause, ticket.task) == ("how-to", "say so in the 401")
    assert "401 after a new card: 2 times" in page(owner, DESK)


@pytest.mark.parametrize("fields", [{"cause": "x"}, {"public_url": "javascript:alert(1)"}])
def test_facts_that_cannot_be_are_refused(owner: Client, customer: Customer, fields):
    ticket = ticket_of(mail())

    owner.post(f"{DESK}{ticket.pk}/facts/", fields)

    ticket.refresh_from_db()
    assert (ticket.cause, ticket.public_url) == ("", "")


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

    for odd in ("", "x", "999999"):
        owner.post(f"{DESK}inbox/{row.pk}/adopt/", {"customer": odd})
    assert Ticket.objects.count() == 0
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

    ticket.refresh_from_db()
    assert (ticket.status, ticket.cause) == ("open", "")
    assert Ticket.objects.count() == 1


# --- in public -------------------------------------------------------------------------------

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
    owner.post(f"{DESK}{ticket.pk}/facts/", {"cause": "bug", "public_url": issue})
    client = Client()
    client.force_login(User.objects.get(email=DEV))
    assert issue in page(client, f"/account/tickets/{ticket.pk}/")


# --- quotes ----------------------------------------------------------------------------------


def test_quotes_are_folded_and_sessions_are_not():
    text = "Hi\n> one\n> two\n> three\nok\n>>> import x\n>>> y\n>>> z\n> short\nend"

    blocks = fold_quotes(text)

    assert "\n".join(block.text for block in blocks) == text
    assert [block.text for block in blocks if block.is_quote] == ["> one\n> two\n> three"]


# --- privacy ---------------------------------------------------------------------------------


def test_strangers_mail_is_deleted_after_thirty_days(customer: Customer, monday):
    take(mail(sender="who@elsewhere.example", number=1))
    ticket = ticket_of(mail(number=2))
    MailEvent.objects.create(source="postmark", event_id="e", sha256="1" * 64, raw=b"{}")
    assert prune_old_mail(timezone.now() + timedelta(days=29)) == 0

    deleted = prune_old_mail(timezone.now() + timedelta(days=31))

    assert deleted == 2
    assert InboundMail.objects.get().ticket == ticket
    assert AutomaticAnswer.objects.count() == 0


def test_a_customers_tickets_are_exported_and_deleted(
    customer: Customer, django_capture_on_commit_callbacks, capsys
):
    conversation = make_conversation(customer)
    ticket = ticket_of(mail("Private words"))
    tickets.answer_ticket(ticket.pk, body="Words", closes=True, key="a", at=timezone.now())
    tickets.add_note(conversation.pk, body="my note", key="n", at=timezone.now())
    other = make_conversation_of_another()
    stored = Attachment.objects.get(message__ticket=conversation)

    call_command("customer_tickets", customer.pk)
    out = capsys.readouterr().out
    assert "Private words" in out
    assert "my note" not in out
    with django_capture_on_commit_callbacks(execute=True):
        assert delete_tickets(customer.pk) == 2

    assert export_tickets(customer.pk) == []
    assert Ticket.objects.get() == other
    assert InboundMail.objects.filter(sender=DEV).count() == 0
    assert Mail.objects.filter(body__contains="words").count() == 0
    from django.core.files.storage import default_storage

    assert not default_storage.exists(stored.stored_as)


def make_conversation_of_another() -> Ticket:
    InboundMail.objects.filter(event_id="stranger").delete()
    return make_conversation(make_licensed("x@other.example"))


def test_the_command_deletes_too(customer: Customer):
    make_conversation(customer)

    call_command("customer_tickets", customer.pk, "--delete")

    assert Ticket.objects.count() == 0


def test_the_desk_takes_a_bounded_number_of_queries(
    owner: Client, customer: Customer, django_assert_max_num_queries
):
    for number in range(12):
        ticket = ticket_of(mail(number=number, sender=f"d{number}@company.example"))

    with django_assert_max_num_queries(12):
        owner.get(DESK)
    with django_assert_max_num_queries(26):
        owner.get(f"{DESK}{ticket.pk}/")
    assert date(2026, 8, 3) == MONDAY.date()
