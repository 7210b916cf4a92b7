"""What is not kept, and what a customer may have."""

from datetime import date, timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from licenses.models import Customer
from outbox.models import Mail
from support import tickets
from support.models import (
    Attachment,
    AutomaticAnswer,
    BouncingAddress,
    InboundMail,
    MailEvent,
    Ticket,
)
from support.privacy import delete_tickets, export_tickets, prune_old_mail
from tests.support.desk import (
    MONDAY,
    make_conversation,
    make_licensed,
    sent_to,
    take,
    ticket_of,
)
from tests.support.mails import delivery_report, mail
from tests.support.owner import DESK, DEV

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday")]


def test_strangers_mail_is_deleted_after_thirty_days(customer: Customer, monday):
    take(mail(sender="who@elsewhere.example", number=1))
    ticket = ticket_of(mail(number=2))
    MailEvent.objects.create(source="postmark", event_id="e", sha256="1" * 64, raw=b"{}")
    assert prune_old_mail(timezone.now() + timedelta(days=29)) == 0

    deleted = prune_old_mail(timezone.now() + timedelta(days=31))

    assert deleted == 2
    assert InboundMail.objects.get().ticket == ticket
    assert AutomaticAnswer.objects.count() == 0


def test_of_a_forged_strangers_dead_mailbox_nothing_stays(customer: Customer, monday):
    take(mail(sender="forged@elsewhere.example"))
    pointer = Mail.objects.get(key__startswith="pointer:")
    sent_to("forged@elsewhere.example")
    take(delivery_report("forged@elsewhere.example", original_id=pointer.message_id))
    BouncingAddress.objects.create(address=DEV, since=timezone.now())
    assert BouncingAddress.objects.count() == 2

    for _ in range(2):
        prune_old_mail(timezone.now() + timedelta(days=31))

    assert BouncingAddress.objects.get().address == DEV  # the customer's is shown to him still
    assert InboundMail.objects.count() == Mail.objects.count() == 0


def test_the_notice_of_a_flood_goes_with_its_mails(monday):
    for number in range(22):
        take(mail(sender="who@elsewhere.example", number=number))
    assert Mail.objects.filter(key__startswith="flood:").count() == 1

    prune_old_mail(timezone.now() + timedelta(days=31))

    assert Mail.objects.count() == 0


def test_todays_notice_of_a_flood_stays_when_an_old_one_goes(monday):
    for number in range(22):
        take(mail(sender="who@elsewhere.example", number=number))
    today = MONDAY + timedelta(days=31)
    monday.move_to(today)
    for number in range(100, 122):
        take(mail(sender="who@elsewhere.example", number=number))

    prune_old_mail(today)

    [notice] = Mail.objects.filter(key__startswith="flood:")
    assert notice.key.endswith(f":{today:%Y-%m-%d}")


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
    with django_assert_max_num_queries(12):
        owner.get(f"{DESK}{ticket.pk}/")
    assert date(2026, 8, 3) == MONDAY.date()


def test_files_and_quarantined_mail_cost_a_query_each_however_many(
    owner: Client, customer: Customer, django_assert_max_num_queries
):
    ticket = make_conversation(customer)
    for number in range(5):
        message = ticket.messages.create(kind="customer", author=DEV, body="More", key=f"m{number}")
        message.attachments.create(filename=f"trace{number}.txt", size=9, stored_as=f"t{number}")
        InboundMail.objects.create(
            source="pipe",
            event_id=f"forged{number}",
            sha256=f"{number + 1}" * 64,
            raw=b"raw",
            outcome=InboundMail.Outcome.QUARANTINED,
            sender=f"forger{number}@elsewhere.example",
            ticket=ticket,
        )

    with django_assert_max_num_queries(12 + 2):
        page = owner.get(f"{DESK}{ticket.pk}/").content.decode()

    assert "trace.txt" in page
    assert "trace4.txt" in page
    assert "forger0@elsewhere.example" in page
    assert "forger4@elsewhere.example" in page
