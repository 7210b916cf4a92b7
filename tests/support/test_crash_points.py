"""A crash before every write, from mail to ticket and from answer to mail; and many at once."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail as django_mail
from django.test import Client
from django.utils import timezone

from licenses.models import Customer
from outbox.claims import LEASE
from outbox.mail import deliver_due_mail, queue_mail
from outbox.models import Mail
from support import tickets
from support.models import Attachment, BouncingAddress, InboundMail, Message, Ticket
from support.rearranging import merge_tickets
from support.receiving import parse_due_mail
from support.storing import Delivery, keep_mail
from support.turns import SaidMeanwhile, TicketWasMerged
from tests.flows.crashing import crashes_in_turn
from tests.flows.processes import together
from tests.support.desk import add_contact, answering, sent_to, take, ticket_of
from tests.support.mails import delivery_report, mail, with_file
from tests.support.test_conversations import copy_of
from tests.support.test_webhooks import INBOUND, basic, postmark

pytestmark = pytest.mark.django_db(transaction=True)
DEV, OWNER = "dev@company.example", "owner@shop.example"
DESK = "/owner/tickets/"


@pytest.fixture
def crash(time_machine) -> Callable[[Callable[[], object]], int]:
    """Crashes what it is given before each of its writes; then lets it run through."""
    time_machine.move_to(timezone.now(), tick=False)

    def wait_for_the_lease() -> None:
        time_machine.shift(LEASE + timedelta(seconds=1))

    return lambda act: crashes_in_turn(act, wait_for_the_lease)


def parse() -> None:
    parse_due_mail(timezone.now())


def keep(raw: bytes, source: str = "pipe") -> None:
    keep_mail(Delivery(source=source, raw=raw))


def outcomes() -> list[str]:
    return list(InboundMail.objects.order_by("pk").values_list("outcome", flat=True))


# --- mail to ticket --------------------------------------------------------------------------


def test_a_delivery_that_crashed_is_kept_when_the_provider_repeats_it(crash, settings):
    settings.INBOUND_PROVIDERS = ["postmark"]
    settings.ANYMAIL = {"WEBHOOK_SECRET": "hook:secret"}
    body = postmark(mail())

    def deliver() -> None:
        Client().post(INBOUND, body, content_type="application/json", headers=basic())

    assert crash(deliver) >= 1
    deliver()  # and once more, although it was taken
    assert bytes(InboundMail.objects.get().raw) == mail()


def test_a_mail_becomes_one_ticket(crash, customer: Customer):
    keep(copy_of(with_file("a.txt", "x"), "one"))
    keep(copy_of(with_file("a.txt", "x"), "two"))

    assert crash(parse) >= 8

    assert outcomes() == ["ticket", "ticket"]
    assert Ticket.objects.count() == Attachment.objects.count() == 1
    assert Message.objects.filter(kind="customer").count() == 1
    assert sorted(key.partition(":")[0] for key in mail_keys()) == ["notify", "received"]


def mail_keys() -> list[str]:
    return list(Mail.objects.values_list("key", flat=True))


def test_a_customers_reply_joins_once(crash, customer: Customer):
    ticket = ticket_of(mail())
    tickets.answer_ticket(ticket.pk, body="?", closes=True, key="a", at=timezone.now())
    keep(answering(sent_to(DEV)[0], "Still hangs.", sender=DEV))

    assert crash(parse) >= 4

    ticket.refresh_from_db()
    assert ticket.status == "open"
    assert ticket.messages.filter(body__contains="Still hangs").count() == 1
    assert len([key for key in mail_keys() if key.startswith("notify:")]) == 2


@pytest.mark.parametrize(
    ("sender", "outcome", "key"),
    [("who@elsewhere.example", "stranger", "pointer:"), (OWNER, "stranger", "")],
)
def test_a_stranger_is_pointed_once(crash, sender: str, outcome: str, key: str):
    keep(mail(sender=sender))

    assert crash(parse) >= 2

    assert outcomes() == [outcome]
    assert len([one for one in mail_keys() if one.startswith(key or "pointer:")]) == bool(key)


def test_a_dead_mailbox_is_marked_and_the_mail_goes_on_once(crash, customer: Customer):
    add_contact(customer, "boss@company.example")
    queue_mail(
        "renewal:1", template="support/notice", to=[DEV], context={"subject": "s", "text": "t"}
    )
    keep(delivery_report(DEV, original_id=Mail.objects.get().message_id))

    assert crash(parse) >= 4

    assert BouncingAddress.objects.get().address == DEV
    assert Mail.objects.filter(to=["boss@company.example"]).count() == 1
    assert Mail.objects.filter(key__startswith="bouncing:").count() == 1


# --- answer to mail --------------------------------------------------------------------------


def test_an_answer_from_the_desk_is_sent_once(crash, customer: Customer, owner: Client):
    ticket = ticket_of(mail())
    fields = {"key": "a" * 32, "body": "Try 2.1.", "deed": "close", "cause": "bug", "topic": "401"}

    assert crash(lambda: owner.post(f"{DESK}{ticket.pk}/answer/", fields)) >= 4

    ticket.refresh_from_db()
    assert (ticket.status, ticket.topic) == ("solved", "401")
    assert_answered_once(crash)


def test_an_answer_from_the_owners_mail_program_is_sent_once(crash, customer: Customer):
    ticket_of(mail())
    reply = answering(sent_to(OWNER)[0], "Try 2.1.", sender=OWNER)
    keep(copy_of(reply, "one"))
    keep(copy_of(reply, "two"))

    assert crash(parse) >= 6

    assert outcomes()[1:] == ["reply", "reply"]
    assert_answered_once(crash)


def assert_answered_once(crash) -> None:
    """One message, one mail; it leaves once, or twice under one Message-ID."""
    before = len(django_mail.outbox)
    assert Message.objects.filter(kind="owner").count() == 1
    assert len([key for key in mail_keys() if key.startswith("answer:")]) == 1
    assert crash(lambda: deliver_due_mail(timezone.now())) >= 2
    left = [one for one in django_mail.outbox[before:] if one.to == [DEV]]
    answers = [one for one in left if one.body.startswith("Try 2.1.")]
    assert 1 <= len(answers) <= 2
    assert len({one.extra_headers["Message-ID"] for one in answers}) == 1
    assert not Mail.objects.filter(sent_at=None).exists()


def test_an_answer_in_public_is_told_once(crash, customer: Customer, owner: Client):
    ticket = ticket_of(mail())
    fields = {"key": "a" * 32, "public_url": "https://tracker.example/7"}

    assert crash(lambda: owner.post(f"{DESK}{ticket.pk}/public/", fields)) >= 4

    ticket.refresh_from_db()
    assert (ticket.status, ticket.public_url) == ("solved", "https://tracker.example/7")
    assert len([key for key in mail_keys() if key.startswith("answer:")]) == 1


# --- by the owner's hand ---------------------------------------------------------------------


def test_a_mail_is_adopted_whole_or_not_at_all(crash, owner: Client):
    row = take(mail(sender="who@elsewhere.example"))

    assert crash(lambda: owner.post(f"{DESK}inbox/{row.pk}/adopt/", {"customer": ""})) >= 4

    assert Customer.objects.count() == Ticket.objects.count() == 1
    row.refresh_from_db()
    assert (row.outcome, row.ticket) == ("ticket", Ticket.objects.get())


def test_a_ticket_is_split_whole_or_not_at_all(crash, customer: Customer, owner: Client):
    ticket = ticket_of(mail())
    ours = sent_to(DEV)[0]
    for number in range(2):
        take(answering(ours, f"More {number}", sender=DEV, number=number))
    second = ticket.messages.get(body__contains="More 0")

    assert crash(lambda: owner.post(f"{DESK}messages/{second.pk}/split/")) >= 3

    new = Ticket.objects.exclude(pk=ticket.pk).get()
    assert [one.body.strip() for one in new.messages.all()] == ["More 0", "More 1"]
    assert InboundMail.objects.filter(ticket=new).count() == 2
    assert (new.status, ticket.messages.filter(kind="customer").count()) == ("open", 1)


def test_tickets_are_merged_whole_or_not_at_all(crash, customer: Customer):
    first = ticket_of(mail(number=1))
    second = ticket_of(mail(number=2, sender="b@company.example"))

    assert crash(lambda: merge_tickets(second.pk, into_id=first.pk, at=timezone.now())) >= 4

    assert first.messages.filter(kind="customer").count() == 2
    assert InboundMail.objects.filter(ticket=first).count() == 2


# --- many at once ----------------------------------------------------------------------------


def test_copies_that_four_workers_take_at_once_are_said_once(customer: Customer):
    for number in range(10):
        raw = mail(number=number, sender=f"d{number}@company.example")
        for way in ("one", "two"):
            keep(copy_of(raw, way))

    together(4, lambda _: [parse() for _ in range(3)] and None)
    parse_due_mail(timezone.now() + LEASE + timedelta(minutes=1))

    assert outcomes() == ["ticket"] * 20
    assert Ticket.objects.count() == Message.objects.filter(kind="customer").count() == 10
    assert len([key for key in mail_keys() if key.startswith("received:")]) == 10


def test_one_answer_by_four_workers_and_the_desk_is_sent_once(customer: Customer):
    ticket = ticket_of(mail())

    def answer(_: int) -> None:
        tickets.answer_ticket(ticket.pk, body="Try", closes=False, key="k", at=timezone.now())

    together(4, answer)

    assert Message.objects.filter(kind="owner").count() == 1
    assert len([key for key in mail_keys() if key.startswith("answer:")]) == 1


def test_merged_crosswise_at_once_both_are_one(customer: Customer):
    both = [
        ticket_of(mail(number=number, sender=f"d{number}@company.example")).pk
        for number in range(2)
    ]

    def merge(number: int) -> None:
        try:
            merge_tickets(both[number % 2], into_id=both[1 - number % 2], at=timezone.now())
        except TicketWasMerged:
            return  # somebody was first

    together(4, merge)

    left = Ticket.objects.get(merged_into=None)
    assert left.messages.filter(kind="customer").count() == 2


def test_the_owners_answer_while_the_customer_writes_leaves_the_ticket_open(customer: Customer):
    """Whoever comes second sees the other: no words are buried."""
    ticket = ticket_of(mail())
    seen = ticket.messages.get(kind="customer").pk
    keep(answering(sent_to(DEV)[0], "It was our proxy.", sender=DEV))

    def act(number: int) -> None:
        if number:
            parse()
            return
        try:
            tickets.answer_ticket(
                ticket.pk, body="Try", closes=True, key="k", at=timezone.now(), seen=seen
            )
        except SaidMeanwhile:
            assert ticket.messages.filter(body__contains="proxy").exists()

    together(2, act)

    ticket.refresh_from_db()
    assert ticket.status == "open"
    assert ticket.messages.filter(body__contains="proxy").count() == 1
