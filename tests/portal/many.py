"""A business of many customers in bulk: the one whose figures were worked out by hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.ledger import cents_a_year
from billing.models import LedgerEntry, Payment, Price, Subscription
from licenses.models import Customer, License

ANNUAL_INVOICE = 2_000_000  # cents


@dataclass(frozen=True)
class Sold:
    lookup_key: str
    number: int


# 2,000 customers, $2,335,760 a year. The last five pay by invoice.
FIXTURE = (
    Sold("pro_yearly", 1700),
    Sold("pro_monthly", 200),
    Sold("enterprise_monthly", 95),
    Sold("invoiced", 5),
)


def sell_to_many(prices: Mapping[str, Price], at: datetime, *, of: int = 1) -> None:
    """Every *of*-th of the fixture, bought and paid 100 days before *at*."""
    contract, _ = Price.objects.get_or_create(
        lookup_key="invoiced",
        defaults={
            "tier": prices["enterprise_yearly"].tier,
            "interval": "year",
            "unit_amount_cents": ANNUAL_INVOICE,
            "is_on_sale": False,
        },
    )
    prices = {**prices, "invoiced": contract}
    bought_at = at - timedelta(days=100)
    wanted = [prices[one.lookup_key] for one in FIXTURE for _ in range(one.number)][::of]
    customers = Customer.objects.bulk_create(
        Customer(name=f"Company {number}") for number in range(len(wanted))
    )
    licenses = License.objects.bulk_create(
        License(
            customer=customer,
            tier=price.tier,
            kind=License.Kind.ORGANIZATION,
            source=f"stripe:sub_{of}_{number}",
            paid_through=at + timedelta(days=265),
            updates_until=at + timedelta(days=265),
        )
        for number, (customer, price) in enumerate(zip(customers, wanted, strict=True))
    )
    rows = Subscription.objects.bulk_create(
        Subscription(
            stripe_id=f"sub_{of}_{number}",
            customer=license.customer,
            license=license,
            status="active",
            price=price,
            quantity=1,
            current_period_end=at + timedelta(days=265),
            created_at=bought_at,
        )
        for number, (license, price) in enumerate(zip(licenses, wanted, strict=True))
    )
    _pay_and_note(rows, bought_at)


def _pay_and_note(rows: list[Subscription], at: datetime) -> None:
    Payment.objects.bulk_create(
        Payment(
            stripe_id=f"pi_{row.stripe_id}",
            invoice_id=f"in_{row.stripe_id}",
            billing_reason="subscription_create",
            subscription=row,
            amount_cents=row.total_cents,
            currency="usd",
            paid_at=at,
        )
        for row in rows
    )
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            subscription=row,
            at=at,
            heard_at=at,
            cents_a_year=cents_a_year(row, at),
            tier=row.price.tier,
            interval=row.price.interval,
            paid_until=row.current_period_end,
            is_leaving=False,
        )
        for row in rows
    )
