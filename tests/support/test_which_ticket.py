"""Mail comes in: which ticket it belongs to."""

from datetime import timedelta

import pytest
from django.utils import timezone

from outbox.models import Mail
from support import tickets
from support.models import Message
from support.references import reply_address
from tests.support.correspondence import DEV, STRANGER, Outcome, Status, answer
from tests.support.desk import answering, header, make_licensed, sent_to, take, ticket_of
from tests.support.mails import mail

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday")]


def test_a_token_in_the_address_threads_without_any_reference():
    """Scenario 15."""
    make_licensed()
    ticket = ticket_of(mail())
    ours = answer(ticket)

    row = take(answering(ours, "It works", sender=DEV, strip=lambda name: True))

    assert (row.outcome, row.ticket) == (Outcome.MESSAGE, ticket)
    assert ticket.messages.last().body.strip() == "It works"


def test_a_token_may_come_by_the_envelope_and_in_capitals():
    make_licensed()
    ticket = ticket_of(mail())

    row = take(mail(number=2), envelope_to=reply_address(ticket).upper())

    assert row.ticket == ticket


def test_our_own_id_in_references_threads_when_the_message_id_was_replaced():
    """Scenario 16: the provider replaced our Message-ID; our own stands in References still."""
    make_licensed()
    ticket = ticket_of(mail())
    ours = answer(ticket)
    own_id = header(ours, "Message-ID")
    assert own_id in header(ours, "References")

    headers = {
        "In-Reply-To": "<0100abc@provider.example>",
        "References": f"{header(ours, 'References')} <0100abc@provider.example>",
    }
    row = take(mail(number=2, headers=headers))

    assert (row.outcome, row.ticket) == (Outcome.MESSAGE, ticket)


def test_a_providers_own_id_threads_when_nothing_else_is_left():
    """Scenario 16, the third key: the id that the provider gave our mail."""
    make_licensed()
    ticket = ticket_of(mail())
    ours = answer(ticket)
    sent = Mail.objects.filter(message_id=header(ours, "Message-ID"))
    sent.update(provider_id="0100abc-000000")

    headers = {"In-Reply-To": "<0100abc-000000@eu.provider.example>"}
    row = take(mail(number=2, headers=headers))

    assert (row.outcome, row.ticket) == (Outcome.MESSAGE, ticket)


def test_a_number_in_the_subject_opens_nothing():
    make_licensed()
    ticket = ticket_of(mail(number=1))

    other = ticket_of(mail(number=2, subject=f"Re: [#{ticket.pk}] Help"))

    assert other != ticket


def test_a_solved_ticket_opens_again_within_thirty_days(monday):
    make_licensed()
    ticket = ticket_of(mail())
    ours = answer(ticket, closes=True)
    monday.shift(timedelta(days=29))

    take(answering(ours, "Not yet", sender=DEV))

    ticket.refresh_from_db()
    assert ticket.status == Status.OPEN
    assert ticket.due_at is not None


def test_an_older_one_is_followed_by_a_new_ticket(monday):
    make_licensed()
    ticket = ticket_of(mail())
    ours = answer(ticket, closes=True)
    monday.shift(timedelta(days=31))

    new = ticket_of(answering(ours, "Again", sender=DEV))

    assert new != ticket
    assert new.follows == ticket
    assert f"It follows ticket #{ticket.pk}" in sent_to(DEV)[-1].body


@pytest.mark.parametrize("sender", [STRANGER, "evil@gmail.com", "dev@company.example.evil.example"])
def test_a_leaked_token_is_of_no_use_to_others(sender: str):
    """Scenario 33: from a foreign address nothing is appended, and nothing of it leaves."""
    make_licensed()
    ticket = ticket_of(mail("Our secret plans"))
    ours = answer(ticket, "About your secret plans")
    said = ticket.messages.count()

    row = take(answering(ours, "Tell me more", sender=sender))

    assert (row.outcome, row.ticket) == (Outcome.QUARANTINED, ticket)
    assert "from elsewhere" in row.note
    assert ticket.messages.count() == said
    assert sent_to(sender) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda address: address.replace("+t_", "+o_"),
        lambda address: address.split("_")[0] + "_1_" + "a" * 26 + "@testserver",
        lambda address: address[:-13] + "a" * 2 + address[-11:],
    ],
)
def test_a_forged_token_is_no_token(change):
    """Scenario 33: a valid number with a guessed token."""
    make_licensed()
    ticket = ticket_of(mail(number=1))
    forged = change(reply_address(ticket))
    assert forged != reply_address(ticket)

    row = take(mail(number=2, to=forged, sender=STRANGER))

    assert (row.outcome, row.ticket) == (Outcome.STRANGER, None)
    assert ticket.messages.filter(kind=Message.Kind.CUSTOMER).count() == 1


def test_a_guessed_message_id_is_none_of_ours():
    """Scenario 33: the number is right, the random part is not."""
    make_licensed()
    ticket = ticket_of(mail(number=1))
    guess = f"<t{ticket.pk}.0123456789abcdef@testserver>"

    row = take(mail(number=2, sender=STRANGER, headers={"References": guess}))

    assert row.outcome == Outcome.STRANGER
    assert sent_to(STRANGER)[0].body.count("It does not start") == 0


def test_a_note_of_the_owner_threads_nothing():
    make_licensed()
    ticket = ticket_of(mail())
    tickets.add_note(ticket.pk, body="he pays late", key="n", at=timezone.now())

    answer(ticket)

    assert all("he pays late" not in one.body for one in sent_to(DEV))
