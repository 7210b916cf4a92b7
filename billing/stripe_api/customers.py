"""Stripe's customers: who they are, and the metadata that we keep there."""

from collections.abc import Mapping
from typing import Any

from billing.remote import RemoteCustomer
from billing.stripe_api.client import client, translated_errors


def customer_of(customer: Any) -> RemoteCustomer:
    if getattr(customer, "deleted", False):
        return RemoteCustomer(stripe_id=customer.id, email="", name="", is_deleted=True)
    return RemoteCustomer(
        stripe_id=customer.id,
        email=customer.email or "",
        name=customer.name or "",
        metadata=customer.metadata.to_dict() if customer.metadata else {},
    )


def retrieve_customer(stripe_id: str) -> RemoteCustomer:
    with translated_errors():
        return customer_of(client().v1.customers.retrieve(stripe_id))


def write_metadata(stripe_id: str, metadata: Mapping[str, str]) -> None:
    """Set these keys, and unset those with ""; the customer's other keys stay."""
    with translated_errors():
        client().v1.customers.update(stripe_id, {"metadata": dict(metadata)})
