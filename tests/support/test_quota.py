"""What counts, when, and how many are included."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from licenses.entitlements import support_allowance
from licenses.models import Customer, License
from support import tickets
from support.models import Ticket
from support.quarters import quarter_of
from support.quota import number_in_quarter, ordinal, quota_of
from support.rearranging import NotTheSameCustomer, merge_tickets
from support.tickets import Requester, Said
from support.turns import TicketWasMerged
from tests.flows.processes import together
from tests.make import make_customer, make_license
from tests.support.desk import MONDAY, end_licenses, make_licensed, make_plan

pytestmark = pytest.mark.django_db


def write(customer: Customer, key: str, *, at: datetime = MONDAY) -> Ticket:
    return tickets.open_ticket(
        customer.pk,
        requester=Requester("dev@company.example"),
        subject=key,
        said=Said(body="text", key=key),
        matched_by=Ticket.Match.PAGE,
        at=at,
    )


def used(customer: Customer, at: datetime = MONDAY) -> str:
    return str(quota_of(customer.pk, at))


def test_a_ticket_is_counted_not_its_messages():
    customer = make_licensed()
    ticket = write(customer, "a")

    tickets.add_customer_message(ticket.pk, Said(body="and", key="b"), at=MONDAY)

    assert used(customer) == "1 of 1"


@pytest.mark.parametrize("cause", ["bug", "security", "billing"])
def test_our_bugs_security_and_billing_do_not_count(cause: str):
    """Scenario 11, the count."""
    customer = make_licensed()
    ticket = write(customer, "a")

    tickets.note_facts(ticket.pk, cause=cause)

    assert used(customer) == "0 of 1"
    assert number_in_quarter(Ticket.objects.get()) == 0


@pytest.mark.parametrize("cause", ["", "how-to", "environment", "feature", "other"])
def test_everything_else_counts(cause: str):
    customer = make_licensed()

    tickets.note_facts(write(customer, "a").pk, cause=cause)

    assert used(customer) == "1 of 1"


def test_the_owner_may_say_that_one_does_not_count():
    customer = make_licensed()
    ticket = write(customer, "a")

    tickets.note_facts(ticket.pk, is_exempt=True)

    assert used(customer) == "0 of 1"


def test_what_the_owner_opened_does_not_count():
    customer = make_licensed()
    Ticket.objects.filter(pk=write(customer, "a").pk).update(opened_by="owner")

    assert used(customer) == "0 of 1"


def test_a_merged_ticket_does_not_count_and_its_words_move():
    customer = make_licensed()
    first, second = write(customer, "a"), write(customer, "b")
    assert used(customer) == "2 of 1"

    for _ in range(2):  # told twice
        merge_tickets(second.pk, into_id=first.pk, at=MONDAY)

    assert used(customer) == "1 of 1"
    assert first.messages.filter(kind="customer").count() == 2
    with pytest.raises(TicketWasMerged):
        tickets.add_note(second.pk, body="x", key="n", at=MONDAY)


def test_tickets_of_two_customers_are_never_merged():
    first = write(make_licensed(), "a")
    second = write(make_licensed("x@other.example"), "b")

    with pytest.raises(NotTheSameCustomer):
        merge_tickets(second.pk, into_id=first.pk, at=MONDAY)
    with pytest.raises(TicketWasMerged):
        merge_tickets(first.pk, into_id=first.pk, at=MONDAY)


def test_the_quarter_turns_at_midnight_utc_and_nothing_rolls_over():
    customer = make_licensed(tickets=4)
    last = datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC)
    first = last + timedelta(seconds=1)

    write(customer, "a", at=last)
    assert used(customer, last) == "1 of 4"
    assert used(customer, first) == "0 of 4"
    write(customer, "b", at=first)
    assert used(customer, first) == "1 of 4"


@pytest.mark.parametrize(
    ("month", "day", "name"),
    [(1, 1, "Q1 2026"), (3, 31, "Q1 2026"), (4, 1, "Q2 2026"), (12, 31, "Q4 2026")],
)
def test_quarters_are_calendar_quarters(month: int, day: int, name: str):
    quarter = quarter_of(datetime(2026, month, day, 23, tzinfo=UTC))

    assert str(quarter) == name
    assert quarter.starts_at <= datetime(2026, month, day, 23, tzinfo=UTC) < quarter.ends_at


def test_an_upgrade_raises_the_allowance_at_once():
    customer = make_licensed(tickets=1)
    write(customer, "a")

    make_license(customer=customer, tier=make_plan("enterprise", tickets=4))

    assert used(customer) == "1 of 4"


def test_two_products_include_the_tickets_of_both():
    customer = make_licensed(tickets=1)
    other = make_plan("pro", tickets=1)
    make_license(customer=customer, tier=other)  # the same product twice is once
    other_product = make_license(customer=customer).tier
    assert support_allowance(customer.pk, timezone.now()) == 1

    from tests.make import make_tier

    fox = make_tier("pro", product="fox")
    fox.tickets_per_quarter = 2
    fox.save()
    make_license(customer=customer, tier=fox)

    assert other_product == other
    assert support_allowance(customer.pk, timezone.now()) == 3


@pytest.mark.parametrize(
    ("status", "allowance"),
    [("active", 1), ("suspended", 1), ("lapsed", None), ("revoked", None)],
)
def test_the_allowance_follows_the_licenses_status(status: str, allowance: int | None):
    customer = make_licensed()
    License.objects.update(status=status)

    assert support_allowance(customer.pk, timezone.now()) == allowance


def test_without_a_license_there_is_no_quota():
    customer = make_customer()
    lapsed = make_licensed("x@other.example")
    end_licenses(lapsed)

    assert quota_of(customer.pk, MONDAY) is None
    assert quota_of(lapsed.pk, MONDAY) is None


@pytest.mark.parametrize(
    ("number", "text"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (21, "21st")],
)
def test_ordinals(number: int, text: str):
    assert ordinal(number) == text


def test_the_same_form_twice_is_one_ticket():
    customer = make_licensed()

    assert write(customer, "a") == write(customer, "a")
    assert used(customer) == "1 of 1"


@pytest.mark.django_db(transaction=True)
def test_two_tickets_at_once_are_the_first_and_the_second():
    customer = make_licensed()

    together(4, lambda n: write(customer, f"k{n % 2}"))

    with transaction.atomic():
        numbers = sorted(number_in_quarter(one) for one in Ticket.objects.all())
    assert numbers == [1, 2]
