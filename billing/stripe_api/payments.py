"""Payment intents with their charge, refunds and disputes; and making refunds."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import stripe

from billing.remote import RemoteDispute, RemotePaymentState, RemoteRefund
from billing.stripe_api.client import StripeRefused, client, id_of, translated_errors
from billing.stripe_api.subscriptions import invoice_of
from lib.times import from_unix, from_unix_or_none

if TYPE_CHECKING:
    from stripe.params import CreditNoteCreateParams, RefundCreateParams


def retrieve_payment(stripe_id: str) -> RemotePaymentState:
    """The payment intent as it is now: its card, every refund, every dispute, its invoice."""
    with translated_errors():
        v1 = client().v1
        intent = v1.payment_intents.retrieve(stripe_id, {"expand": ["latest_charge"]})
        refunds = v1.refunds.list({"payment_intent": stripe_id, "limit": 100}).data
        disputes = v1.disputes.list({"payment_intent": stripe_id, "limit": 100}).data
        invoice = _invoice_paid_by(stripe_id)
    return RemotePaymentState(
        stripe_id=intent.id,
        charge_id=id_of(intent.latest_charge),
        card_fingerprint=_fingerprint(intent.latest_charge),
        amount_cents=intent.amount_received or 0,
        currency=intent.currency,
        subscription_id=_subscription_of(invoice),
        invoice=invoice_of(invoice) if invoice else None,
        refunds=tuple(refund_of(refund) for refund in refunds),
        disputes=tuple(dispute_of(dispute) for dispute in disputes),
    )


def find_subscription_paid_by(stripe_id: str) -> str:
    """The id of the subscription that the payment intent is for; "" if it is for none."""
    with translated_errors():
        return _subscription_of(_invoice_paid_by(stripe_id))


def _invoice_paid_by(stripe_id: str) -> stripe.Invoice | None:
    v1 = client().v1
    found = v1.invoice_payments.list(
        {"payment": {"type": "payment_intent", "payment_intent": stripe_id}}
    ).data
    if not found:
        return None
    return v1.invoices.retrieve(id_of(found[0].invoice), {"expand": ["payments"]})


def refund_payment(stripe_id: str, *, idempotency_key: str, metadata: dict[str, str]) -> bool:
    """Give back whatever of the payment was not given back yet. Safe to repeat.

    False when a dispute decides about the money instead. Whoever was refunded before, by whatever
    hand, counts as refunded.
    """
    params: RefundCreateParams = {
        "payment_intent": stripe_id,
        "reason": "requested_by_customer",
        "metadata": metadata,
    }
    refunds = client().v1.refunds
    return _is_given(lambda: refunds.create(params, {"idempotency_key": idempotency_key}))


def credit_payment(
    stripe_id: str, *, invoice_id: str, idempotency_key: str, metadata: dict[str, str]
) -> bool:
    """As `refund_payment`, by a credit note on the invoice, so that its tax is taken back too."""
    with translated_errors():
        intent = client().v1.payment_intents.retrieve(stripe_id, {"expand": ["latest_charge"]})
    charge: Any = intent.latest_charge
    left = charge.amount_captured - charge.amount_refunded
    if left <= 0:
        return True
    params: CreditNoteCreateParams = {
        "invoice": invoice_id,
        "amount": left,
        "refund_amount": left,
        "metadata": metadata,
    }
    notes = client().v1.credit_notes
    return _is_given(lambda: notes.create(params, {"idempotency_key": idempotency_key}))


def _is_given(give: Callable[[], object]) -> bool:
    try:
        with translated_errors():
            give()
    except StripeRefused as error:
        if error.code == "charge_disputed":
            return False
        if error.code != "charge_already_refunded":
            raise
    return True


def _fingerprint(charge: Any) -> str:
    details = getattr(charge, "payment_method_details", None)
    card = getattr(details, "card", None) if details else None
    return (card.fingerprint or "") if card else ""


def _subscription_of(invoice: stripe.Invoice | None) -> str:
    parent = invoice.parent if invoice else None
    details = parent.subscription_details if parent else None
    return id_of(details.subscription) if details else ""


def refund_of(refund: stripe.Refund) -> RemoteRefund:
    return RemoteRefund(
        stripe_id=refund.id,
        amount_cents=refund.amount,
        status=refund.status or "",
        failure_reason=getattr(refund, "failure_reason", None) or "",
        created_at=from_unix(refund.created),
    )


def dispute_of(dispute: stripe.Dispute) -> RemoteDispute:
    return RemoteDispute(
        stripe_id=dispute.id,
        amount_cents=dispute.amount,
        status=dispute.status,
        reason=dispute.reason,
        due_by=from_unix_or_none(dispute.evidence_details.due_by),
        created_at=from_unix(dispute.created),
    )
