"""The only door to Stripe: the real SDK in, our own values out.

API version 2026-05-27.dahlia, pinned by stripe==15.2.1; the two spots that the next version
breaks (`payment_method_types`, `billing_cycle_anchor`) stand in one function each.
"""

import functools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import stripe
from django.conf import settings

from billing.remote import (
    RemoteCheckoutSession,
    RemoteCustomer,
    RemoteInvoice,
    RemoteLine,
    RemotePayment,
    RemotePrice,
    RemoteSubscription,
)
from lib.money import VolumeTier
from lib.times import from_unix, from_unix_or_none

if TYPE_CHECKING:
    from stripe.params import PriceCreateParams
    from stripe.params.checkout import SessionCreateParams, SessionCreateParamsLineItem

API_VERSION = "2026-05-27.dahlia"
TIMEOUT_SECONDS = 8  # with one retry and three requests well inside a worker's lease


class StripeUnavailable(Exception):
    """Stripe did not answer, or not now; try the same call again later."""


class StripeRefused(Exception):
    """Stripe says that the request cannot work; trying again will not help."""


class StripeObjectGone(StripeRefused):
    """No such object at Stripe (any more)."""


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except stripe.InvalidRequestError as error:
        gone = error.code == "resource_missing"
        raise (StripeObjectGone if gone else StripeRefused)(str(error)) from error
    except (stripe.AuthenticationError, stripe.PermissionError, stripe.IdempotencyError) as error:
        raise StripeRefused(str(error)) from error
    except stripe.StripeError as error:
        raise StripeUnavailable(str(error)) from error


def _client() -> stripe.StripeClient:
    return _make_client(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE, os.getpid())


@functools.lru_cache(maxsize=4)
def _make_client(key: str, api_base: str, pid: int) -> stripe.StripeClient:
    """One client per process: a kept-alive connection must not cross a fork."""
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        base_addresses={"api": api_base} if api_base else {},
        max_network_retries=1,
        http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
    )


# --- catalog ---------------------------------------------------------------------------------
def ensure_product(product_id: str, *, name: str) -> None:
    """Make the product, or give it this name. Safe to repeat."""
    with _translated_errors():
        products = _client().v1.products
        try:
            product = products.retrieve(product_id)
        except stripe.InvalidRequestError as error:
            if error.code != "resource_missing":
                raise
            products.create({"id": product_id, "name": name})
            return
        if product.name != name or not product.active:
            products.update(product_id, {"name": name, "active": True})


def find_price(lookup_key: str) -> RemotePrice | None:
    """The active price that Stripe has under this lookup key."""
    with _translated_errors():
        page = _client().v1.prices.list(
            {"lookup_keys": [lookup_key], "active": True, "expand": ["data.tiers"]}
        )
    return _price(page.data[0]) if page.data else None


def create_price(wanted: RemotePrice) -> str:
    """Make a price and move its lookup key onto it; returns the new price's id.

    `stripe_id` of *wanted* is ignored. The price that had the key goes on for those who have it.
    """
    params: PriceCreateParams = {
        "product": wanted.product_id,
        "currency": wanted.currency,
        "recurring": {"interval": wanted.interval, "usage_type": "licensed"},  # type: ignore[typeddict-item]
        "lookup_key": wanted.lookup_key,
        "transfer_lookup_key": True,
        "tax_behavior": "exclusive",
    }
    if wanted.volume_tiers:
        params["billing_scheme"] = "tiered"
        params["tiers_mode"] = "volume"
        params["tiers"] = [
            {
                "up_to": "inf" if tier.up_to is None else tier.up_to,
                "unit_amount": tier.unit_amount_cents,
            }
            for tier in wanted.volume_tiers
        ]
    else:
        assert wanted.unit_amount_cents is not None
        params["unit_amount"] = wanted.unit_amount_cents
    with _translated_errors():
        return _client().v1.prices.create(params).id


def _price(price: stripe.Price) -> RemotePrice:
    tiers = getattr(price, "tiers", None) or []
    return RemotePrice(
        stripe_id=price.id,
        lookup_key=price.lookup_key or "",
        product_id=_id_of(price.product),
        currency=price.currency,
        interval=price.recurring.interval if price.recurring else "",
        unit_amount_cents=price.unit_amount,
        volume_tiers=tuple(VolumeTier(tier.up_to, tier.unit_amount or 0) for tier in tiers),
    )


# --- checkout --------------------------------------------------------------------------------
def create_customer(*, email: str, name: str, idempotency_key: str) -> str:
    """The id of a new customer; the same key gives the same customer."""
    with _translated_errors():
        customer = _client().v1.customers.create(
            {"email": email, "name": name}, {"idempotency_key": idempotency_key}
        )
    return customer.id


def create_checkout_session(
    *,
    price_id: str,
    quantity: int,
    max_quantity: int,
    client_reference_id: str,
    customer_id: str,
    success_url: str,
    cancel_url: str,
    idempotency_key: str,
) -> RemoteCheckoutSession:
    """A hosted page that sells one subscription, by card only.

    *max_quantity* 1 fixes the quantity. *customer_id* "" lets Checkout make a customer.
    The same key gives the same session.
    """
    line: SessionCreateParamsLineItem = {"price": price_id, "quantity": quantity}
    if max_quantity > 1:  # said explicitly: Stripe's own maximum is 99
        line["adjustable_quantity"] = {"enabled": True, "minimum": 1, "maximum": max_quantity}
    params: SessionCreateParams = {
        "mode": "subscription",
        "line_items": [line],
        "client_reference_id": client_reference_id,
        "success_url": success_url,
        "cancel_url": cancel_url,
        "adaptive_pricing": {"enabled": False},
        "subscription_data": {"billing_mode": {"type": "flexible"}},
    }
    if customer_id:
        params["customer"] = customer_id
    with _translated_errors():
        session = _client().v1.checkout.sessions.create(
            _card_only(params), {"idempotency_key": idempotency_key}
        )
    return _session(session)


def _card_only(params: "SessionCreateParams") -> "SessionCreateParams":
    """Say card explicitly, or Checkout offers whatever the account has switched on.

    Gone in API "endive": `allowed_payment_method_types` takes its place.
    """
    return {**params, "payment_method_types": ["card"]}


def retrieve_checkout_session(session_id: str) -> RemoteCheckoutSession:
    with _translated_errors():
        return _session(_client().v1.checkout.sessions.retrieve(session_id))


def expire_checkout_session(session_id: str) -> None:
    """Close an open session; raises StripeRefused when it is complete or expired already."""
    with _translated_errors():
        _client().v1.checkout.sessions.expire(session_id)


def find_checkout_session(subscription_id: str) -> RemoteCheckoutSession | None:
    """The session that a subscription was bought in; None if it was made another way."""
    with _translated_errors():
        page = _client().v1.checkout.sessions.list({"subscription": subscription_id})
    return _session(page.data[0]) if page.data else None


def _session(session: stripe.checkout.Session) -> RemoteCheckoutSession:
    return RemoteCheckoutSession(
        stripe_id=session.id,
        url=session.url or "",
        status=session.status or "",
        client_reference_id=session.client_reference_id or "",
        subscription_id=_id_of(session.subscription),
    )


# --- subscriptions ---------------------------------------------------------------------------
def retrieve_subscription(stripe_id: str) -> RemoteSubscription:
    """The subscription as it is now, with its customer and its paid invoices.

    Raises StripeObjectGone when Stripe has no such subscription.
    """
    with _translated_errors():
        v1 = _client().v1
        subscription = v1.subscriptions.retrieve(
            stripe_id, {"expand": ["customer", "latest_invoice"]}
        )
        paid = v1.invoices.list(
            {"subscription": stripe_id, "status": "paid", "expand": ["data.payments"]}
        )
    return _subscription(subscription, paid.data)


def _subscription(
    subscription: stripe.Subscription, paid: Sequence[stripe.Invoice]
) -> RemoteSubscription:
    item = subscription["items"].data[0]
    invoice = subscription.latest_invoice
    latest = invoice if isinstance(invoice, stripe.Invoice) else None
    is_unpaid = latest is not None and latest.status in {"open", "uncollectible"}
    return RemoteSubscription(
        stripe_id=subscription.id,
        status=subscription.status,
        customer=_customer(subscription.customer),
        livemode=subscription.livemode,
        price_id=item.price.id,
        quantity=item.quantity or 1,
        current_period_end=from_unix(item.current_period_end),
        created_at=from_unix(subscription.created),
        cancel_at=from_unix_or_none(subscription.cancel_at),
        ended_at=from_unix_or_none(subscription.ended_at),
        past_due_since=from_unix_or_none(latest.status_transitions.finalized_at)
        if latest is not None and is_unpaid
        else None,
        hosted_invoice_url=(latest.hosted_invoice_url or "") if latest and is_unpaid else "",
        paid_invoices=tuple(_invoice(one) for one in paid),
    )


def _customer(customer: Any) -> RemoteCustomer:
    if getattr(customer, "deleted", False):
        return RemoteCustomer(stripe_id=customer.id, email="", name="")
    return RemoteCustomer(
        stripe_id=customer.id, email=customer.email or "", name=customer.name or ""
    )


def _invoice(invoice: stripe.Invoice) -> RemoteInvoice:
    payments = invoice.payments.data if invoice.payments else []
    return RemoteInvoice(
        stripe_id=invoice.id,
        billing_reason=invoice.billing_reason or "",
        currency=invoice.currency,
        paid_at=from_unix(invoice.status_transitions.paid_at or invoice.created),
        lines=tuple(_line(line) for line in invoice.lines.data if line.pricing),
        payments=tuple(
            RemotePayment(_id_of(one.payment.payment_intent), one.amount_paid or 0)
            for one in payments
            if one.status == "paid" and one.payment.type == "payment_intent"
        ),
    )


def _line(line: stripe.InvoiceLineItem) -> RemoteLine:
    details = line.pricing.price_details if line.pricing else None
    return RemoteLine(
        price_id=_id_of(details.price) if details else "",
        quantity=line.quantity or 1,
        amount_cents=line.amount,
        period_end=from_unix(line.period.end),
    )


def _id_of(reference: Any) -> str:
    """The id of something that may be expanded, a bare id, or null."""
    if reference is None:
        return ""
    return reference if isinstance(reference, str) else str(reference.id)


# --- webhooks --------------------------------------------------------------------------------
def is_signed(text: str, signature: str, secret: str) -> bool:
    """Whether *signature* (the Stripe-Signature header) is that of *text* by *secret*.

    The time in it is the caller's to check.
    """
    try:
        return bool(secret) and bool(
            stripe.WebhookSignature.verify_header(text, signature, secret)  # type: ignore[no-untyped-call]
        )
    except (stripe.SignatureVerificationError, TypeError, ValueError):
        return False  # TypeError: a signature that is not ASCII
