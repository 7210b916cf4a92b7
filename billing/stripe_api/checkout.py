"""Customers and checkout sessions."""

from typing import TYPE_CHECKING

import stripe

from billing.remote import RemoteCheckoutSession
from billing.stripe_api.client import StripeObjectGone, client, id_of, translated_errors

if TYPE_CHECKING:
    from stripe.params.checkout import SessionCreateParams, SessionCreateParamsLineItem


def create_customer(*, email: str, name: str, idempotency_key: str) -> str:
    """The id of a new customer; the same key gives the same customer."""
    with translated_errors():
        customer = client().v1.customers.create(
            {"email": email, "name": name}, {"idempotency_key": idempotency_key}
        )
    return customer.id


def is_customer_deleted(stripe_id: str) -> bool:
    """Whether somebody deleted the customer at Stripe; an id never heard of counts as deleted."""
    try:
        with translated_errors():
            customer = client().v1.customers.retrieve(stripe_id)
    except StripeObjectGone:
        return True
    return bool(getattr(customer, "deleted", False))


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
    with translated_errors():
        session = client().v1.checkout.sessions.create(
            _card_only(params), {"idempotency_key": idempotency_key}
        )
    return _session(session)


def _card_only(params: "SessionCreateParams") -> "SessionCreateParams":
    """Say card explicitly, or Checkout offers whatever the account has switched on.

    Gone in API "endive": `allowed_payment_method_types` takes its place.
    """
    return {**params, "payment_method_types": ["card"]}


def retrieve_checkout_session(session_id: str) -> RemoteCheckoutSession:
    with translated_errors():
        return _session(client().v1.checkout.sessions.retrieve(session_id))


def expire_checkout_session(session_id: str) -> None:
    """Close an open session; raises StripeRefused when it is complete or expired already."""
    with translated_errors():
        client().v1.checkout.sessions.expire(session_id)


def find_checkout_session(subscription_id: str) -> RemoteCheckoutSession | None:
    """The session that a subscription was bought in; None if it was made another way."""
    with translated_errors():
        page = client().v1.checkout.sessions.list({"subscription": subscription_id})
    return _session(page.data[0]) if page.data else None


def _session(session: stripe.checkout.Session) -> RemoteCheckoutSession:
    return RemoteCheckoutSession(
        stripe_id=session.id,
        url=session.url or "",
        status=session.status or "",
        client_reference_id=session.client_reference_id or "",
        subscription_id=id_of(session.subscription),
    )
