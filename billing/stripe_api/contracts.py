"""Subscriptions that are paid by invoice; nothing else makes one."""

from typing import TYPE_CHECKING

from django.conf import settings

from billing.stripe_api.client import client, metadata_of, past_failure, translated_errors

if TYPE_CHECKING:
    from stripe.params import SubscriptionCreateParams


def create_invoiced_subscription(
    *,
    customer_id: str,
    price_id: str,
    quantity: int,
    days_until_due: int,
    reference: str,
    contract_id: str,
) -> str:
    """The id of the contract's subscription: made now, or before. Safe to repeat for ever.

    Stripe forgets an idempotency key after 24 h, so it is asked first for one that is there.
    """
    params: SubscriptionCreateParams = {
        "customer": customer_id,
        "items": [{"price": price_id, "quantity": quantity}],
        "collection_method": "send_invoice",
        "days_until_due": days_until_due,
        "payment_settings": {"payment_method_types": ["card"]},
        "billing_mode": {"type": "flexible"},
        "metadata": {"contract": contract_id},
    }
    if reference:
        params["description"] = f"Purchase order {reference}"
    if settings.STRIPE_TAX:  # Stripe refuses it until the customer has an address there
        params["automatic_tax"] = {"enabled": True}

    def find_or_create(key: str) -> str:
        return _find(customer_id, contract_id) or _create(params, key)

    return past_failure(find_or_create, f"contract-{contract_id}")


@translated_errors()
def _create(params: "SubscriptionCreateParams", key: str) -> str:
    return client().v1.subscriptions.create(params, {"idempotency_key": key}).id


def _find(customer_id: str, contract_id: str) -> str:
    with translated_errors():
        theirs = client().v1.subscriptions.list(
            {"customer": customer_id, "status": "all", "limit": 100}
        )
        for one in theirs.auto_paging_iter():
            if metadata_of(one).get("contract") == contract_id:
                return one.id
    return ""
