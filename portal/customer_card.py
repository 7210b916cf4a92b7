"""What the owner wants to see beside a ticket: who asks, what he pays, what he runs."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from billing.models import Price, Subscription
from lib.money import format_cents
from licenses.entitlements import allowance_among
from licenses.models import Contact, Credential, Customer, License
from portal.usage import downloads_of
from support.bounces import comes_back
from support.models import Ticket
from support.quarters import quarter_of
from support.quota import Quota, count_up, quota_among

MONTHS_A_YEAR = 12
PAYING = ("active", "trialing", "past_due")
KEYS_SHOWN = 5
TICKETS_SHOWN = VERSIONS_SHOWN = 3


@dataclass(frozen=True)
class OpenInvoice:
    amount: str  # before tax and discounts
    since: datetime | None  # when paying it failed or was due; None: not yet
    pay_url: str


@dataclass(frozen=True)
class CustomerCard:
    customer: Customer
    licenses: tuple[License, ...]
    per_year: str
    quota: Quota | None
    contacts: tuple[Contact, ...]  # with `comes_back`
    keys: tuple[Credential, ...]  # last used first, with client and version
    installed: tuple[dict[str, object], ...]  # project, version, client, the last first
    open_invoices: tuple[OpenInvoice, ...]
    number: int  # of the ticket it stands beside, in its quarter; 0: it does not count
    last_tickets: tuple[Ticket, ...]
    in_public: tuple[Ticket, ...]  # those that were answered there


def customer_card(customer: Customer, *, but: Ticket | None = None, at: datetime) -> CustomerCard:
    """The card; *but* is the ticket that it stands beside."""
    held = License.objects.filter(customer=customer).select_related("tier__product")
    licenses = tuple(held.order_by("-paid_through"))
    billed = _paying_or_owing(customer)
    paying = [one for one in billed if one.status in PAYING]
    contacts = Contact.objects.filter(customer=customer).annotate(comes_back=comes_back("email"))
    used = Credential.objects.usable(at).filter(customer=customer, last_used_at__isnull=False)
    tickets = _tickets_shown(customer, but, at)
    others = [one for one in tickets if one != but]
    return CustomerCard(
        customer=customer,
        licenses=licenses,
        per_year=_sums_a_year(paying).get(customer.pk, "nothing"),
        quota=quota_among(tickets, allowance_among(licenses, at), at),
        contacts=tuple(contacts.order_by("pk")),
        keys=tuple(used.order_by("-last_used_at")[:KEYS_SHOWN]),
        installed=tuple(downloads_of(customer, VERSIONS_SHOWN)),
        open_invoices=tuple(_open_invoice(one) for one in billed if one.pay_url),
        number=count_up(reversed(tickets)).get(but.pk, 0) if but else 0,
        last_tickets=tuple(others[:TICKETS_SHOWN]),
        in_public=tuple([one for one in others if one.public_url][:TICKETS_SHOWN]),
    )


def _tickets_shown(customer: Customer, but: Ticket | None, at: datetime) -> list[Ticket]:
    """All of this quarter and of that of *but*, and the last ones otherwise; the newest first."""
    held = Ticket.objects.held_by([customer])
    others = held.exclude(pk=but.pk if but else 0)
    wanted = Q(pk__in=others.values("pk")[:TICKETS_SHOWN])
    wanted |= Q(pk__in=others.exclude(public_url="").values("pk")[:TICKETS_SHOWN])
    for quarter in {quarter_of(at), quarter_of(but.opened_at if but else at)}:
        wanted |= Q(opened_at__gte=quarter.starts_at, opened_at__lt=quarter.ends_at)
    return list(held.filter(wanted))


def _paying_or_owing(customer: Customer) -> list[Subscription]:
    """What is paid for or waits to be paid, the oldest debt first."""
    found = Subscription.objects.filter(Q(status__in=PAYING) | ~Q(pay_url=""), customer=customer)
    return list(found.select_related("price", "stripe_price").order_by("past_due_since", "pk"))


def _open_invoice(owing: Subscription) -> OpenInvoice:
    """What Stripe waits to be paid for."""
    amount = format_cents(owing.total_cents, owing.price.currency)
    return OpenInvoice(amount, owing.past_due_since, owing.pay_url)


def tiers_of(customer_ids: Collection[int]) -> dict[int, str]:
    """What each customer has now, e.g. "Hare Pro, Fox Pro", in one query."""
    current = License.objects.filter(
        customer_id__in=customer_ids,
        status__in=[License.Status.ACTIVE, License.Status.SUSPENDED],
    )
    names: dict[int, dict[str, None]] = defaultdict(dict)
    for license in current.select_related("tier__product").order_by("tier__rank", "pk"):
        names[license.customer_id][str(license.tier)] = None
    return {customer_id: ", ".join(found) for customer_id, found in names.items()}


def per_year_of(customer_ids: Collection[int]) -> dict[int, str]:
    """What each customer pays a year as of now, e.g. "$995", in one query."""
    paying = Subscription.objects.filter(customer_id__in=customer_ids, status__in=PAYING)
    return _sums_a_year(paying.select_related("price"))


def _sums_a_year(paying: Iterable[Subscription]) -> dict[int, str]:
    """By customer; in each currency that he pays in."""
    cents: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for subscription in paying:
        price = subscription.price
        times = MONTHS_A_YEAR if price.interval == Price.Interval.MONTH else 1
        total = price.total_cents(subscription.quantity) * times
        cents[subscription.customer_id][price.currency] += total
    return {
        customer_id: " + ".join(format_cents(total, currency) for currency, total in sums.items())
        for customer_id, sums in cents.items()
    }
