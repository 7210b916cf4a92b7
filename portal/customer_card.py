"""What the owner wants to see beside a ticket: who asks, what he pays, what he runs."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from billing.models import Price, Subscription
from lib.money import format_cents
from licenses.models import Contact, Credential, Customer, License
from portal.usage import downloads_of
from support.bounces import bouncing_among
from support.models import Ticket
from support.quota import Quota, quota_of

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
    contacts: tuple[Contact, ...]
    bouncing: tuple[str, ...]
    keys: tuple[Credential, ...]  # last used first, with client and version
    installed: tuple[dict[str, object], ...]  # project, version, client, the last first
    open_invoices: tuple[OpenInvoice, ...]
    last_tickets: tuple[Ticket, ...]
    in_public: tuple[Ticket, ...]  # those that were answered there


def customer_card(customer: Customer, *, but: Ticket | None = None, at: datetime) -> CustomerCard:
    """The card; *but* is the ticket that it stands beside."""
    licenses = License.objects.filter(customer=customer).select_related("tier__product")
    contacts = tuple(Contact.objects.filter(customer=customer).order_by("pk"))
    used = Credential.objects.usable(at).filter(customer=customer, last_used_at__isnull=False)
    others = Ticket.objects.held_by([customer]).exclude(pk=but.pk if but else 0)
    return CustomerCard(
        customer=customer,
        licenses=tuple(licenses.order_by("-paid_through")),
        per_year=per_year_of([customer.pk]).get(customer.pk, "nothing"),
        quota=quota_of(customer.pk, at),
        contacts=contacts,
        bouncing=tuple(bouncing_among(contact.email for contact in contacts)),
        keys=tuple(used.order_by("-last_used_at")[:KEYS_SHOWN]),
        installed=tuple(downloads_of(customer, VERSIONS_SHOWN)),
        open_invoices=open_invoices(customer),
        last_tickets=tuple(others[:TICKETS_SHOWN]),
        in_public=tuple(others.exclude(public_url="")[:TICKETS_SHOWN]),
    )


def open_invoices(customer: Customer) -> tuple[OpenInvoice, ...]:
    """What Stripe waits to be paid for, the oldest first."""
    unpaid = Subscription.objects.filter(customer=customer).exclude(pay_url="")
    return tuple(
        OpenInvoice(
            format_cents(one.total_cents, one.price.currency), one.past_due_since, one.pay_url
        )
        for one in unpaid.select_related("price", "stripe_price").order_by("past_due_since", "pk")
    )


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
    cents: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    paying = Subscription.objects.filter(customer_id__in=customer_ids, status__in=PAYING)
    for subscription in paying.select_related("price"):
        price = subscription.price
        times = MONTHS_A_YEAR if price.interval == Price.Interval.MONTH else 1
        total = price.total_cents(subscription.quantity) * times
        cents[subscription.customer_id][price.currency] += total
    return {
        customer_id: " + ".join(format_cents(total, currency) for currency, total in sums.items())
        for customer_id, sums in cents.items()
    }
