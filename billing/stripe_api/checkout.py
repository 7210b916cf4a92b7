"""Customers and checkout sessions."""

from typing import TYPE_CHECKING

import stripe
from django.conf import settings

from billing.remote import RemoteCheckoutSession
from billing.stripe_api.client import client, id_of, past_failure, translated_errors

if TYPE_CHECKING:
    from stripe.params.checkout import SessionCreateParams, SessionCreateParamsLineItem


def create_customer(*, email: str, name: str, idempotency_key: str) -> str:
    """The id of a new customer; the same key gives the same customer."""

    @translated_errors()
    def create(key: str) -> str:
        return (
            client()
            .v1.customers.create({"email": email, "name": name}, {"idempotency_key": key})
            .id
        )

    return past_failure(create, idempotency_key)


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
    offered = _switched(_card_only(params))

    @translated_errors()
    def create(key: str) -> RemoteCheckoutSession:
        return _session(client().v1.checkout.sessions.create(offered, {"idempotency_key": key}))

    return past_failure(create, idempotency_key)


def _card_only(params: "SessionCreateParams") -> "SessionCreateParams":
    """Say card explicitly, or Checkout offers whatever the account has switched on.

    Gone in API "endive": `allowed_payment_method_types` takes its place.
    """
    return {**params, "payment_method_types": ["card"]}


def _switched(params: "SessionCreateParams") -> "SessionCreateParams":
    return _with_promotion_codes(_with_managed_payments(_with_tax(params)))


def _with_tax(params: "SessionCreateParams") -> "SessionCreateParams":
    """STRIPE_TAX: Stripe computes the tax from the address, and asks a business for its tax id.

    A customer that Stripe knows must let Checkout keep what he types, or it refuses the session.
    """
    if not settings.STRIPE_TAX:
        return params
    taxed: SessionCreateParams = {
        **params,
        "automatic_tax": {"enabled": True},
        "billing_address_collection": "required",
        "tax_id_collection": {"enabled": True},
    }
    if "customer" in params:
        taxed["customer_update"] = {"address": "auto", "name": "auto"}
    return taxed


def _with_managed_payments(params: "SessionCreateParams") -> "SessionCreateParams":
    """STRIPE_MANAGED_PAYMENTS: Stripe is the merchant of record; tax parameters must stay away."""
    if not settings.STRIPE_MANAGED_PAYMENTS:
        return params
    return {**params, "managed_payments": {"enabled": True}}


def _with_promotion_codes(params: "SessionCreateParams") -> "SessionCreateParams":
    if not settings.ALLOW_PROMOTION_CODES:
        return params
    return {**params, "allow_promotion_codes": True}


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
