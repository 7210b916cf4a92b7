"""Lists of everything at Stripe, page after page, for whoever checks that nothing was missed."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import stripe

from billing.remote import (
    RemoteCharge,
    RemoteDispute,
    RemoteEvent,
    RemoteRefund,
    RemoteSubscription,
)
from billing.stripe_api.cards import EXPANDED
from billing.stripe_api.client import client, id_of, translated_errors
from billing.stripe_api.payments import dispute_of, refund_of
from billing.stripe_api.subscriptions import subscription_of
from lib.times import from_unix

PAGE = 100
MAX_TYPES = 20  # of events in one call


def list_events(types: Sequence[str], since: datetime) -> Iterator[RemoteEvent]:
    """Events of these types since a moment, which Stripe keeps for 30 days at most."""
    with translated_errors():
        for first in range(0, len(types), MAX_TYPES):
            wanted = list(types[first : first + MAX_TYPES])
            page = client().v1.events.list(
                {"types": wanted, "created": {"gte": _unix(since)}, "limit": PAGE}
            )
            for event in page.auto_paging_iter():
                yield _event(event)


def list_subscriptions() -> Iterator[RemoteSubscription]:
    """All subscriptions, the ended ones too; of their invoices only the newest, if it is paid."""
    with translated_errors():
        page = client().v1.subscriptions.list(
            {
                "status": "all",
                "limit": PAGE,
                "expand": [
                    "data.customer",
                    "data.schedule",
                    "data.latest_invoice.payments",
                    *(f"data.{path}" for path in EXPANDED),
                ],
            }
        )
        for subscription in page.auto_paging_iter():
            newest = subscription.latest_invoice
            is_paid = isinstance(newest, stripe.Invoice) and newest.status == "paid"
            yield subscription_of(subscription, [newest] if is_paid else [])  # type: ignore[list-item]


def list_charges(since: datetime) -> Iterator[RemoteCharge]:
    """Payments that succeeded."""
    with translated_errors():
        page = client().v1.charges.list(_created(since))
        for charge in page.auto_paging_iter():
            if charge.status == "succeeded" and charge.payment_intent:
                yield RemoteCharge(
                    payment_id=id_of(charge.payment_intent),
                    customer_id=id_of(charge.customer),
                    amount_cents=charge.amount,
                )


def list_refunds(since: datetime) -> Iterator[tuple[str, RemoteRefund]]:
    """Each with its payment intent."""
    with translated_errors():
        for refund in client().v1.refunds.list(_created(since)).auto_paging_iter():
            yield id_of(refund.payment_intent), refund_of(refund)


def list_disputes(since: datetime) -> Iterator[tuple[str, RemoteDispute]]:
    """Each with its payment intent."""
    with translated_errors():
        for dispute in client().v1.disputes.list(_created(since)).auto_paging_iter():
            yield id_of(dispute.payment_intent), dispute_of(dispute)


def _created(since: datetime) -> Any:
    return {"created": {"gte": _unix(since)}, "limit": PAGE}


def _unix(moment: datetime) -> int:
    return int(moment.timestamp())


def _event(event: stripe.Event) -> RemoteEvent:
    payload = event.to_dict(for_json=True)
    return RemoteEvent(
        stripe_id=event.id,
        type=event.type,
        api_version=event.api_version or "",
        livemode=event.livemode,
        created_at=from_unix(event.created),
        object=payload["data"]["object"],
        changed=frozenset(payload["data"].get("previous_attributes") or ()),
        payload=json.dumps(payload),
    )
