"""What stands beside a ticket: who asks, what he owes, what he runs."""

from datetime import datetime, timedelta

from django.utils import timezone

from billing.models import Subscription
from licenses.models import Customer, License
from pkgindex.models import Download
from portal.customer_card import customer_card, tiers_of
from support.models import Ticket
from support.quota import number_in_quarter, quota_of
from tests.cards import FAILS_AT_RENEWAL
from tests.flows.contracts import advance_days, agree, pay
from tests.make import make_customer, make_license, make_tier
from tests.pkgindex.make import make_file, make_project, make_release
from tests.shop import Buyer, Shop


def owes(customer: Customer) -> list[tuple[str, bool]]:
    card = customer_card(customer, at=timezone.now())
    return [(one.amount, one.since is not None) for one in card.open_invoices]


def test_an_unpaid_renewal_is_shown_until_it_is_paid(shop: Shop):
    Buyer(shop).buy("pro_monthly", card=FAILS_AT_RENEWAL)
    shop.settle()
    customer = Customer.objects.get()
    assert owes(customer) == []

    shop.advance(days=32)
    shop.settle()

    assert owes(customer) == [("$99", True)]
    (invoice,) = customer_card(customer, at=timezone.now()).open_invoices
    assert invoice.pay_url == Subscription.objects.get().pay_url


def test_an_invoice_that_is_not_yet_due_is_shown_as_such(shop: Shop):
    contract = agree(quantity=10)
    shop.settle()
    advance_days(shop, 1)  # Stripe finalizes it after an hour
    assert [since for _, since in owes(contract.customer)] == [False]

    pay(shop)

    assert owes(contract.customer) == []


def test_the_versions_they_installed_last_are_shown(db):
    customer = make_customer()
    file = make_file(make_release(make_project("hare-pro"), "2.1"))
    Download.objects.create(
        day=timezone.now().date(), file=file, customer=customer, client="uv/0.13.9", count=3
    )

    (installed,) = customer_card(customer, at=timezone.now()).installed

    assert (installed["version"], installed["client"]) == ("2.1", "uv/0.13.9")


def test_the_card_counts_tickets_as_the_mails_do(db):
    at = timezone.now()
    tier = make_tier("pro")
    license = make_license(tier=tier)
    make_license(customer=license.customer, tier=tier)  # of one product the best counts once
    for number in range(24):
        opened = at - timedelta(days=11 * (12 - number // 2))  # two at a time, over four months
        open_ticket(license.customer, f"t{number}", opened, is_exempt=number % 5 == 0)

    for ticket in Ticket.objects.all():
        card = customer_card(license.customer, but=ticket, at=at)
        assert card.number == number_in_quarter(ticket)
        assert card.quota == quota_of(license.customer_id, at)


def test_the_last_tickets_are_shown_and_the_last_in_public_however_old(db):
    customer = make_license().customer
    at = timezone.now()
    for number in range(12):
        url = "" if number < 8 else f"https://tracker.example/{number}"
        open_ticket(customer, f"t{number}", at - timedelta(days=100 * number), public_url=url)
    beside = Ticket.objects.get(subject="t1")

    card = customer_card(customer, but=beside, at=at)

    assert [one.subject for one in card.last_tickets] == ["t0", "t2", "t3"]
    assert [one.subject for one in card.in_public] == ["t8", "t9", "t10"]


def open_ticket(customer: Customer, subject: str, at: datetime, **facts: object) -> None:
    Ticket.objects.create(
        customer=customer,
        subject=subject,
        requester="dev@company.example",
        matched_by=Ticket.Match.CONTACT,
        status=Ticket.Status.SOLVED,
        opened_at=at,
        **facts,
    )


def test_what_they_have_is_named_once_and_only_while_it_lasts(db):
    customer, other = make_customer("a@a.example"), make_customer("b@b.example")
    pro, fox = make_tier("pro"), make_tier("pro", product="fox")
    for tier in (pro, pro, fox):
        make_license(customer=customer, tier=tier)
    make_license(customer=other, tier=pro)
    License.objects.filter(customer=other).update(status=License.Status.LAPSED)

    names = tiers_of([customer.pk, other.pk])

    assert sorted(names[customer.pk].split(", ")) == [str(fox), str(pro)]
    assert other.pk not in names
