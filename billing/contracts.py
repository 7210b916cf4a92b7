"""Invoice contracts: made by the owner above a threshold, then carried to Stripe by the worker."""

import logging
import uuid
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from billing import stripe_api
from billing.customers import ensure_stripe_customer
from billing.dirty import mark_dirty
from billing.models import Cart, DirtyObject, InvoiceContract, Price, Subscription
from billing.open_pages import AlreadyBought, close_cart
from billing.remote import RemoteLine, RemoteSubscription
from billing.verdict import ENDED
from lib.money import format_cents
from licenses import people
from licenses.models import Customer
from outbox.claims import for_a_while

log = logging.getLogger(__name__)
GrantOn = InvoiceContract.GrantOn
PER_YEAR = {Price.Interval.MONTH: 12, Price.Interval.YEAR: 1}


class ContractRefused(Exception):
    """Such a contract is not made; the sentence says why, for the owner to read."""


def check_contract(customer: Customer, price: Price, quantity: int) -> None:
    """Raise ContractRefused unless the owner may make this contract. Needs a transaction.

    The customer stays locked until its end, so that a double click makes one contract.
    """
    Customer.objects.select_for_update().get(pk=customer.pk)
    yearly = price.total_cents(quantity) * PER_YEAR[Price.Interval(price.interval)]
    if yearly < settings.INVOICE_MIN_YEARLY * 100:
        raise ContractRefused(
            f"{quantity} x {price.tier} comes to {format_cents(yearly, price.currency)} a year; "
            f"invoices begin at {format_cents(settings.INVOICE_MIN_YEARLY * 100)} "
            "(INVOICE_MIN_YEARLY). Below that it is sold by card."
        )
    if not price.stripe_id:
        raise ContractRefused(f"{price} is not at Stripe yet: run sync_catalog.")
    if not 1 <= quantity <= price.max_quantity:
        raise ContractRefused(f"{price.tier} is sold 1 to {price.max_quantity} times.")
    if not people.addresses_of(customer.pk):
        raise ContractRefused(f"{customer} has no contact to send an invoice to.")
    _check_is_first(customer, price)


def _check_is_first(customer: Customer, price: Price) -> None:
    product = price.tier.product
    theirs = Subscription.objects.filter(customer=customer, price__tier__product=product)
    if theirs.exclude(status__in=ENDED).exists():
        raise ContractRefused(f"{customer} has a subscription of {product}; end that first.")
    waiting = InvoiceContract.objects.filter(customer=customer, price__tier__product=product)
    if waiting.filter(subscription=None).exists():
        raise ContractRefused(f"{customer} has a contract for {product} that waits to begin.")


@transaction.atomic
def make_invoice_contract(
    *,
    customer: Customer,
    price: Price,
    quantity: int,
    at: datetime,
    grant_on: str = GrantOn.PAYMENT,
    signed_at: datetime | None = None,
    days_until_due: int = 30,
    reference: str = "",
    notes: str = "",
) -> InvoiceContract:
    """The owner's act; the worker makes the subscription, a signature's not before it is signed.

    Raises ContractRefused with a sentence for the owner.
    """
    check_contract(customer, price, quantity)
    contract: InvoiceContract = InvoiceContract.objects.create(
        customer=customer,
        price=price,
        quantity=quantity,
        days_until_due=days_until_due,
        reference=reference,
        grant_on=grant_on,
        signed_at=signed_at,
        notes=notes,
        created_at=at,
        due_at=signed_at if grant_on == GrantOn.SIGNATURE else at,
    )
    return contract


@transaction.atomic
def sign_contract(contract_id: int, *, at: datetime) -> InvoiceContract:
    """It is signed; the first time stands. One that grants on signature begins now."""
    unsigned = InvoiceContract.objects.filter(pk=contract_id, signed_at=None)
    if unsigned.update(signed_at=at):
        waiting = InvoiceContract.objects.filter(pk=contract_id, grant_on=GrantOn.SIGNATURE)
        waiting.update(due_at=at, attempts=0, dead_at=None)
    contract: InvoiceContract = InvoiceContract.objects.get(pk=contract_id)
    return contract


def start_contracts(at: datetime) -> int:
    """Make the subscription of every contract that is due; returns how many."""
    due = InvoiceContract.objects.due(at).order_by("due_at").values_list("pk", flat=True)[:20]
    return sum(_start(pk, at) for pk in for_a_while(due))


def _start(contract_id: int, at: datetime) -> bool:
    claim = InvoiceContract.objects.claim(contract_id, at)
    if claim is None:
        return False
    contract = InvoiceContract.objects.select_related("customer", "price").get(pk=contract_id)
    try:
        _check_nothing_is_bought_by_card(contract)
        stripe_id = _make_subscription(contract)
    except Exception as error:
        log.exception("contract %s could not begin", contract_id)
        claim.fail(error, timezone.now())
        return False
    with transaction.atomic():
        # The contract before the mark, as whoever agrees on the subscription links it.
        is_mine = claim.update(due_at=None, last_error="")
        mark_dirty(DirtyObject.Kind.SUBSCRIPTION, stripe_id, at=timezone.now())
    return is_mine


def _check_nothing_is_bought_by_card(contract: InvoiceContract) -> None:
    """Close the pages that he could still pay; raises ContractRefused if he has.

    The cart of a second purchase stays open for ever: its subscription says whether he pays.
    """
    product = contract.price.tier.product
    of_product = {"customer": contract.customer_id, "price__tier__product": product}
    was_bought = Exists(Subscription.objects.filter(cart=OuterRef("pk")))
    try:
        for cart in Cart.objects.filter(~was_bought, **of_product, status=Cart.Status.OPEN):
            close_cart(cart)
    except AlreadyBought as error:
        raise ContractRefused(f"{contract.customer} has paid {error.cart} by card.") from error
    by_card = Subscription.objects.filter(**of_product).exclude(collection_method="send_invoice")
    if by_card.exclude(status__in=ENDED).exists():
        raise ContractRefused(f"{contract.customer} pays for {product} by card; end that first.")


def _make_subscription(contract: InvoiceContract) -> str:
    return stripe_api.create_invoiced_subscription(
        customer_id=ensure_stripe_customer(contract.customer),
        price_id=contract.price.stripe_id,
        quantity=contract.quantity,
        days_until_due=contract.days_until_due,
        reference=contract.reference,
        contract_id=str(contract.public_id),
    )


def link_contract(subscription: Subscription, remote: RemoteSubscription) -> None:
    """Sync found the contract's subscription, whether or not the worker lived to tell."""
    try:
        public_id = uuid.UUID(remote.contract_id)
    except ValueError:
        return
    mine = InvoiceContract.objects.filter(public_id=public_id, customer=subscription.customer_id)
    mine.filter(subscription=None).update(subscription=subscription)


def signed_line(subscription: Subscription, remote: RemoteSubscription) -> RemoteLine | None:
    """What a signature grants before anything was paid: the first period, and no more.

    "active" means nothing here: Stripe says so of every sent invoice until it is overdue.
    """
    if not subscription.is_by_invoice or subscription.license_id or remote.status != "active":
        return None
    signed = InvoiceContract.objects.filter(
        subscription=subscription, grant_on=GrantOn.SIGNATURE, signed_at__isnull=False
    )
    contract = signed.select_related("price").first()
    if contract is None:
        return None
    return RemoteLine(
        price_id=contract.price.stripe_id,
        quantity=contract.quantity,
        amount_cents=0,
        period_end=remote.current_period_end,
    )
