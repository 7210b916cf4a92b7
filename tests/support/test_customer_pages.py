"""The customer's own pages: ask, read, answer, take away."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from licenses.models import Customer, User
from support import tickets
from support.models import Attachment, BouncingAddress, Message, Ticket
from support.rearranging import merge_tickets
from tests.make import make_customer
from tests.support.desk import (
    MONDAY,
    end_licenses,
    make_conversation,
    make_licensed,
    sent_to,
    take,
    ticket_of,
)
from tests.support.mails import mail, with_file
from tests.support.pages import DEV, LIST, key_in, of, page
from tests.support.test_reading import PASTED

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday")]


@pytest.fixture
def customer() -> Customer:
    return make_licensed(DEV)


@pytest.fixture
def client(customer: Customer) -> Client:
    return of(DEV)


def ask(client: Client, by: Customer, **fields: object):
    given = {
        "key": key_in(page(client)),
        "customer": by.pk,
        "subject": "It hangs",
        "body": "With 200 threads.",
        **fields,
    }
    return client.post(LIST, given)


@pytest.mark.parametrize(
    ("tracker", "action", "field"),
    [
        ("https://github.com/x/hare/issues", "https://github.com/x/hare/issues", "q"),
        ("https://github.com/x/hare", "https://github.com/x/hare/issues", "q"),
        ("https://git.example/x/hare/-/issues", "https://git.example/x/hare/-/issues", "search"),
    ],
)
def test_the_public_tracker_is_searched_first(
    client: Client, settings, tracker: str, action: str, field: str
):
    settings.TRACKER_URL = tracker

    text = page(client)

    assert f'<form action="{action}"' in text
    assert f'type="search" name="{field}"' in text
    assert text.index(action) < text.index("of this quarter") < text.index("Open the ticket")


def test_a_tracker_of_another_kind_is_only_linked(client: Client, settings):
    settings.TRACKER_URL = "https://tracker.example/hare"

    assert "Search the public tracker first</a>" in page(client)
    assert "<form action=" not in page(client)


def test_the_tracker_comes_first_then_the_quota_then_the_form(client: Client, settings):
    settings.TRACKER_URL = "https://tracker.example/hare"
    settings.DOCS_URL = "https://docs.example/hare"

    text = page(client)

    wanted = ("tracker.example", "docs.example", "0 of 1", "mailto:support@", 'name="subject"')
    order = [text.index(one) for one in wanted]
    assert order == sorted(order)
    assert "Wednesday, 5 August 2026, 10:00 UTC" in text


def test_a_ticket_from_the_page_is_open_and_acknowledged(client: Client, customer: Customer):
    response = ask(client, customer)

    ticket = Ticket.objects.get()
    assert response["Location"] == f"/account/tickets/{ticket.pk}/"
    assert (ticket.requester, ticket.matched_by) == (DEV, "page")
    assert "1 of 1" in sent_to(DEV)[0].body
    assert "1 of 1" in page(client)
    assert len(sent_to("owner@shop.example")) == 1


def test_the_same_form_sent_twice_is_one_ticket(client: Client, customer: Customer):
    key = key_in(page(client))

    for _ in range(2):
        ask(client, customer, key=key)

    assert Ticket.objects.count() == 1


def test_a_second_ticket_is_never_refused(client: Client, customer: Customer):
    """Scenario 10, page."""
    ask(client, customer)
    assert "is labelled" in page(client)

    ask(client, customer)

    assert Ticket.objects.count() == 2
    assert "<strong>2 of 1</strong>" in page(client)


def test_a_bug_of_ours_does_not_count_at_once(client: Client, customer: Customer):
    """Scenario 11: the owner sets cause = our bug; the customer's page shows 0 of 1 at once."""
    ticket = ticket_of(mail())
    assert "1 of 1" in page(client)

    tickets.note_facts(ticket.pk, cause="bug")

    assert "0 of 1" in page(client)
    assert "does not count" in page(client, f"{LIST}{ticket.pk}/")


@pytest.mark.parametrize(
    "fields",
    [{"subject": ""}, {"body": "  "}, {"key": "x"}, {"subject": "s" * 201}, {"body": "a\x00b"},
     {"customer": "x"}, {"body": "x" * 200_001}],
)  # fmt: skip
def test_a_form_that_is_wrong_opens_nothing_and_keeps_the_words(client, customer, fields):
    response = ask(client, customer, **fields)

    assert response.status_code == 422
    assert Ticket.objects.count() == 0


def test_nobody_opens_a_ticket_for_another_customer(client: Client, customer: Customer):
    other = make_licensed("x@other.example")

    response = ask(client, customer, customer=other.pk)

    assert response.status_code == 404
    assert Ticket.objects.count() == 0


def test_a_lapsed_customer_reads_on_but_opens_none(client: Client, customer: Customer):
    ask(client, customer)
    key = key_in(page(client))
    end_licenses(customer)

    text = page(client)
    assert 'name="subject"' not in text
    assert "support ended with your license" in text
    ask_again = {"key": key, "customer": customer.pk, "subject": "s", "body": "b"}
    client.post(LIST, ask_again)
    assert Ticket.objects.count() == 1


def test_a_customer_reads_and_answers_his_own(client: Client, customer: Customer):
    ticket = make_conversation(customer)
    tickets.answer_ticket(ticket.pk, body="Try 2.1.", closes=False, key="a", at=timezone.now())
    path = f"{LIST}{ticket.pk}/"
    text = page(client, path)
    assert "Try 2.1." in text
    assert "waiting for you" in text

    client.post(f"{path}answer/", {"key": key_in(text), "body": "It works"})

    ticket.refresh_from_db()
    assert ticket.status == Ticket.Status.OPEN
    assert ticket.messages.last().body == "It works"


def test_the_owners_notes_are_his_own(client: Client, customer: Customer):
    ticket = make_conversation(customer)
    tickets.add_note(ticket.pk, body="pays late", key="n", at=timezone.now())

    assert "pays late" not in page(client, f"{LIST}{ticket.pk}/")
    assert "pays late" not in page(client, f"{LIST}export/")


def test_another_customers_tickets_are_not_there(customer: Customer):
    ticket = make_conversation(customer)
    make_licensed("x@other.example")
    other = of("x@other.example")

    file = Attachment.objects.get()
    for path in (f"{LIST}{ticket.pk}/", f"{LIST}files/{file.pk}/"):
        assert other.get(path).status_code == 404
    answer = other.post(f"{LIST}{ticket.pk}/answer/", {"key": "a" * 32, "body": "x"})
    assert answer.status_code == 404
    assert ticket.subject not in page(other)
    assert page(other, f"{LIST}export/").count("It hangs") == 0


def test_a_colleague_who_is_no_contact_reads_only_mail(customer: Customer):
    ticket_of(mail(sender="new@company.example"))
    make_customer("new@company.example")

    assert Ticket.objects.get().subject not in page(of("new@company.example"))


def test_files_are_taken_and_handed_out_as_downloads(client: Client, customer: Customer):
    file = SimpleUploadedFile("../trace.html", b"<script>alert(1)</script>", "text/html")

    ask(client, customer, files=[file])

    attachment = Attachment.objects.get()
    response = client.get(f"{LIST}files/{attachment.pk}/")
    assert attachment.filename == "trace.html"
    assert response.content == b"<script>alert(1)</script>"
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == 'attachment; filename="trace.html"'


def test_too_many_or_too_large_files_are_refused(client: Client, customer: Customer):
    many = [SimpleUploadedFile(f"{n}.txt", b"x") for n in range(6)]
    large = [SimpleUploadedFile("large.bin", b"x" * (10 * 1024 * 1024 + 1))]

    for files in (many, large):
        response = ask(client, customer, files=files)
        assert "At most 5 files" in response.content.decode()
    assert Ticket.objects.count() == 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("evil.html", "<script>alert(document.domain)</script>"),
        ("evil.svg", "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
    ],
)
def test_a_hostile_attachment_is_only_ever_downloaded(client, name: str, content: str):
    """Scenario 21: both download as octet-stream, and nothing runs in our origin."""
    ticket_of(with_file(name, content))

    response = client.get(f"{LIST}files/{Attachment.objects.get().pk}/")

    assert response.content == content.encode()
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_pasted_code_is_shown_and_exported_whole(client: Client):
    """Scenario 20: a REPL session, a traceback and a log with From:/To: lines."""
    ticket = ticket_of(mail(PASTED))

    shown = page(client, f"{LIST}{ticket.pk}/")
    exported = client.get(f"{LIST}export/").json()

    for line in PASTED.splitlines():
        escaped = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        assert escaped.replace('"', "&quot;").replace("'", "&#x27;") in shown
    bodies = [one["body"] for (tickets_,) in [exported.values()] for one in tickets_[0]["messages"]]
    assert PASTED in bodies


def test_html_in_a_mail_is_shown_as_text(client: Client):
    ticket = ticket_of(mail("<script>alert(1)</script>", subject="<b>bold</b>"))

    text = page(client, f"{LIST}{ticket.pk}/")

    assert "<script>alert" not in text
    assert "<b>bold" not in text


def test_the_account_page_says_that_mail_comes_back(client: Client):
    """Scenario 19, the banner."""
    BouncingAddress.objects.create(address=DEV, since=MONDAY)

    text = page(client, "/account/")

    assert f"Mail to {DEV} comes back" in text
    assert LIST in text


def test_a_long_solved_ticket_is_answered_by_a_new_one(client, customer, monday):
    ticket = make_conversation(customer)
    tickets.close_ticket(ticket.pk, at=timezone.now())
    monday.shift(timedelta(days=31))
    client.force_login(User.objects.get(email=DEV))

    assert "Open a new ticket" in page(client, f"{LIST}{ticket.pk}/")
    client.post(f"{LIST}{ticket.pk}/answer/", {"key": "a" * 32, "body": "Again"})
    assert Message.objects.filter(body="Again").count() == 0


def test_the_pages_take_a_bounded_number_of_queries(
    client, customer, django_assert_max_num_queries
):
    for number in range(8):
        take(mail(number=number, sender=f"d{number}@company.example"))
    ticket = make_conversation(customer)

    with django_assert_max_num_queries(12):
        client.get(LIST)
    with django_assert_max_num_queries(10):
        client.get(f"{LIST}{ticket.pk}/")


def test_the_address_of_a_merged_ticket_leads_to_the_one_it_lives_on_in(
    client: Client, customer: Customer
):
    first = ticket_of(mail(number=1))
    second = ticket_of(mail(number=2, sender="b@company.example"))
    merge_tickets(second.pk, into_id=first.pk, at=timezone.now())

    assert client.get(f"{LIST}{second.pk}/")["Location"] == f"{LIST}{first.pk}/"
    answered = client.post(f"{LIST}{second.pk}/answer/", {"key": "a" * 32, "body": "More"})
    assert answered["Location"] == f"{LIST}{first.pk}/"
    assert first.messages.filter(body="More").exists()
