"""The owner's desk: what it shows, and how he answers."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from licenses.models import Credential, Customer
from support import tickets
from support.models import CannedReply, Message
from tests.make import make_credential
from tests.support.desk import MONDAY, make_conversation, sent_to, ticket_of
from tests.support.mails import mail
from tests.support.owner import DESK, DEV, seen_in, send
from tests.support.pages import key_in, page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday")]


def test_the_list_shows_what_is_due_soonest_first(owner: Client, customer: Customer, monday):
    late = ticket_of(mail(subject="Old one", number=1))
    monday.move_to(MONDAY + timedelta(days=9))
    ticket_of(mail(subject="New one", number=2))
    waiting = ticket_of(mail(subject="Waits", number=3))
    tickets.answer_ticket(waiting.pk, body="?", closes=False, key="w", at=timezone.now())

    text = page(owner, DESK)

    order = [text.index(one) for one in ("Old one", "late:", "New one", "Waits")]
    assert order == sorted(order)
    assert "2nd" in text
    assert "Wed 5 Aug, 10:00" in text
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


def test_the_list_says_what_they_have_and_what_it_might_be_about(owner: Client, customer: Customer):
    ticket = ticket_of(mail("401 Unauthorized. Was our invoice not paid?"))

    text = page(owner, DESK)

    assert "<td>Hare Pro</td>" in text
    assert "<td>billing or account?</td>" in text
    assert "By its words: billing or account?" in page(owner, f"{DESK}{ticket.pk}/")
    tickets.note_facts(ticket.pk, cause="how-to")
    assert "<td>How To</td>" in page(owner, DESK)
    assert "By its words" not in page(owner, f"{DESK}{ticket.pk}/")
    customer.licenses.update(status="lapsed")
    assert "<td>none</td>" in page(owner, DESK)


def test_the_card_shows_what_was_answered_in_public(owner: Client, customer: Customer):
    before = ticket_of(mail(subject="It hangs", number=1))
    tickets.note_facts(before.pk, public_url="https://tracker.example/7")
    ticket = ticket_of(mail(number=2, sender="b@company.example"))

    assert 'In public: <a href="https://tracker.example/7">It hangs</a>' in page(
        owner, f"{DESK}{ticket.pk}/"
    )


def test_an_answer_is_looked_at_before_it_leaves(owner: Client, customer: Customer, settings):
    ticket = ticket_of(mail())

    text = send(owner, ticket, "preview", body="Try <2.1>.").content.decode()

    assert f"To {DEV}: <strong>Re: Help</strong>" in text
    assert f"Try &lt;2.1&gt;.\n\n-- \n{settings.SHOP_NAME}, ticket #{ticket.pk}\n" in text
    assert ">Try &lt;2.1&gt;.</textarea>" in text
    assert len(sent_to(DEV)) == 1
    ticket.refresh_from_db()
    assert ticket.status == "open"
    fields = {"key": key_in(text), "seen": seen_in(text), "body": "Try <2.1>.", "deed": "wait"}
    owner.post(f"{DESK}{ticket.pk}/answer/", fields)
    assert sent_to(DEV)[-1].body.startswith("Try <2.1>.")


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


@pytest.mark.parametrize("deed", ["preview", "wait", "close", "note"])
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
        topic = ["401 after a new card", "401 After a new card"][number]
        fields = {"cause": "how-to", "topic": topic, "task": "say so in the 401"}
        owner.post(f"{DESK}{ticket.pk}/facts/", fields)

    ticket.refresh_from_db()
    assert (ticket.cause, ticket.task) == ("how-to", "say so in the 401")
    text = page(owner, DESK)
    assert "401 after a new card</a>: 2 times in 90 days; to do: say so in the 401" in text
    assert "?q=401%20after%20a%20new%20card" in text
    assert '<option value="401 after a new card">' in page(owner, f"{DESK}{ticket.pk}/")


def test_the_cause_is_saved_with_the_answer_and_no_word_is_lost(owner: Client, customer: Customer):
    ticket = ticket_of(mail())
    fields = {"key": "a" * 32, "body": "Half writ", "cause": "bug", "topic": "401"}

    kept = owner.post(f"{DESK}{ticket.pk}/facts/", fields).content.decode()
    owner.post(f"{DESK}{ticket.pk}/answer/", {**fields, "topic": "402", "deed": "close"})

    assert ">Half writ</textarea>" in kept
    assert 'value="401"' in kept
    ticket.refresh_from_db()
    assert (ticket.status, ticket.cause, ticket.topic) == ("solved", "bug", "402")


def test_an_answer_waits_until_its_facts_can_be(owner: Client, customer: Customer):
    ticket = ticket_of(mail())
    fields = {"key": "a" * 32, "body": "Try", "cause": "x", "deed": "close"}

    response = owner.post(f"{DESK}{ticket.pk}/answer/", fields)

    assert response.status_code == 422
    assert ">Try</textarea>" in response.content.decode()
    assert len(sent_to(DEV)) == 1


@pytest.mark.parametrize(
    "fields", [{"cause": "x"}, {"cause": "", "public_url": "javascript:alert(1)"}]
)
def test_facts_that_cannot_be_are_refused(owner: Client, customer: Customer, fields):
    ticket = ticket_of(mail())

    owner.post(f"{DESK}{ticket.pk}/facts/", fields)

    ticket.refresh_from_db()
    assert (ticket.cause, ticket.public_url) == ("", "")
