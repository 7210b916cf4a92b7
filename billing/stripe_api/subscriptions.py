"""Subscriptions with their customers and paid invoices."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import stripe

from billing.remote import (
    RemoteInvoice,
    RemoteLine,
    RemotePayment,
    RemoteSubscription,
)
from billing.stripe_api.cards import EXPANDED, card_of, waits_for_authentication
from billing.stripe_api.changes import planned_change
from billing.stripe_api.client import (
    StripeObjectGone,
    StripeRefused,
    client,
    id_of,
    metadata_of,
    translated_errors,
)
from billing.stripe_api.customers import customer_of
from lib.times import from_unix, from_unix_or_none


def retrieve_subscription(stripe_id: str) -> RemoteSubscription:
    """The subscription as it is now, with its customer and its paid invoices.

    Raises StripeObjectGone when Stripe has no such subscription.
    """
    with translated_errors():
        v1 = client().v1
        subscription = v1.subscriptions.retrieve(
            stripe_id, {"expand": ["customer", "latest_invoice", "schedule", *EXPANDED]}
        )
        paid = v1.invoices.list(
            {"subscription": stripe_id, "status": "paid", "expand": ["data.payments"]}
        )
        waiting: list[stripe.Invoice] = []
        if subscription.status == "past_due":
            newest_paid = max((one.created for one in paid.data), default=0)
            # What was left open before it was paid again is no beginning of this.
            since = v1.invoices.list(
                {"subscription": stripe_id, "created": {"gt": newest_paid}, "limit": 100}
            )
            waiting = [one for one in since.data if _is_owed(one)]
    answer = subscription_of(subscription, paid.data, waiting)
    if _is_discounted(subscription):
        return replace(answer, discounted_cents=_preview_renewal(stripe_id))
    return answer


def subscription_of(
    subscription: stripe.Subscription,
    paid: Sequence[stripe.Invoice],
    waiting: Sequence[stripe.Invoice] = (),
) -> RemoteSubscription:
    """From the subscription with its newest invoice, those that were paid, and all unpaid ones."""
    item = subscription["items"].data[0]
    invoice = subscription.latest_invoice
    latest = invoice if isinstance(invoice, stripe.Invoice) else None
    pause = subscription.pause_collection
    is_unpaid = latest is not None and _is_owed(latest)
    return RemoteSubscription(
        stripe_id=subscription.id,
        status=subscription.status,
        customer=customer_of(subscription.customer),
        livemode=subscription.livemode,
        price_id=item.price.id,
        quantity=1 if item.quantity is None else item.quantity,
        collection_method=subscription.collection_method,
        contract_id=metadata_of(subscription).get("contract", ""),
        current_period_end=from_unix(item.current_period_end),
        created_at=from_unix(subscription.created),
        cancel_at=from_unix_or_none(subscription.cancel_at),
        ended_at=from_unix_or_none(subscription.ended_at),
        past_due_since=_unpaid_since([*waiting, latest] if latest and is_unpaid else waiting),
        hosted_invoice_url=_pay_url(subscription, latest) if latest and is_unpaid else "",
        latest_invoice_id=latest.id if latest else "",
        finalization_error=_finalization_error(latest),
        needs_action=latest is not None and is_unpaid and waits_for_authentication(latest),
        card=card_of(subscription),
        paused_collection=pause.behavior if pause else "",
        has_pending_update=subscription.pending_update is not None,
        planned_change=planned_change(subscription.schedule),
        discounted_cents=None,
        paid_invoices=tuple(invoice_of(one) for one in paid),
    )


def _is_discounted(subscription: stripe.Subscription) -> bool:
    renews = subscription.status in {"active", "past_due"} and subscription.cancel_at is None
    of_customer = getattr(subscription.customer, "discount", None)
    return renews and bool(subscription.discounts or of_customer)


def _preview_renewal(stripe_id: str) -> int | None:
    """What the coming period alone will cost, before tax, by Stripe's own reckoning.

    None where it cannot say, e.g. without the address that the tax needs, or where what is
    pending fills the ten lines that it shows.
    """
    try:
        with translated_errors():
            invoice = client().v1.invoices.create_preview({"subscription": stripe_id})
    except StripeRefused:
        return None
    if invoice.lines.has_more:
        return None
    newest = max((line.period.end for line in invoice.lines.data), default=0)
    coming = [_line(line) for line in invoice.lines.data if line.period.end == newest]
    return max(0, sum(line.amount_cents - line.discount_cents for line in coming))


def _is_owed(invoice: stripe.Invoice) -> bool:
    """What was given up is not paid, and may be paid yet; but a pause gives up what nobody was
    ever charged.
    """
    return invoice.status == "open" or (invoice.status == "uncollectible" and invoice.attempted)


def _unpaid_since(invoices: Sequence[stripe.Invoice]) -> datetime | None:
    """The oldest counts: who never pays gets a newer invoice each period.

    One that is sent may be paid until it is due; a card is charged at once.
    """
    moments = [one.due_date or one.status_transitions.finalized_at for one in invoices]
    return from_unix_or_none(min((each for each in moments if each), default=None))


def _pay_url(subscription: stripe.Subscription, owed: stripe.Invoice) -> str:
    """Not after the end, when it would go back, nor for what the owner wrote off."""
    is_over = subscription.status in {"canceled", "incomplete_expired"}
    is_forgiven = subscription.status == "active" and owed.status == "uncollectible"
    return "" if is_over or is_forgiven else owed.hosted_invoice_url or ""


def _finalization_error(invoice: stripe.Invoice | None) -> str:
    if invoice is None or invoice.status != "draft" or invoice.last_finalization_error is None:
        return ""
    error = invoice.last_finalization_error
    return error.message or error.code or "no reason given"


def invoice_of(invoice: stripe.Invoice) -> RemoteInvoice:
    payments = invoice.payments.data if invoice.payments else []
    return RemoteInvoice(
        stripe_id=invoice.id,
        billing_reason=invoice.billing_reason or "",
        number=invoice.number or "",
        hosted_url=invoice.hosted_invoice_url or "",
        pdf_url=invoice.invoice_pdf or "",
        currency=invoice.currency,
        created_at=from_unix(invoice.created),
        paid_at=from_unix(invoice.status_transitions.paid_at or invoice.created),
        lines=tuple(_line(line) for line in _lines(invoice) if line.pricing),
        payments=tuple(
            RemotePayment(id_of(one.payment.payment_intent), one.amount_paid or 0, invoice.id)
            for one in payments
            if one.status == "paid" and one.payment.type == "payment_intent"
        ),
    )


def _lines(invoice: stripe.Invoice) -> Iterable[stripe.InvoiceLineItem]:
    """All of them: an invoice shows ten, and what is pending comes before the new period."""
    if not invoice.lines.has_more:
        return invoice.lines.data
    with translated_errors():
        page = client().v1.invoices.line_items.list(invoice.id, {"limit": 100})
        return list(page.auto_paging_iter())


def _line(line: stripe.InvoiceLineItem) -> RemoteLine:
    details = line.pricing.price_details if line.pricing else None
    return RemoteLine(
        price_id=id_of(details.price) if details else "",
        quantity=1 if line.quantity is None else line.quantity,
        amount_cents=line.amount,
        period_end=from_unix(line.period.end),
        discount_cents=sum(part.amount for part in line.discount_amounts or []),
    )


def list_paid_invoices(stripe_id: str) -> tuple[RemoteInvoice, ...]:
    """Every invoice of the subscription that brought something."""
    with translated_errors():
        invoices = client().v1.invoices.list(
            {"subscription": stripe_id, "expand": ["data.payments"], "limit": 100}
        )
        told = [invoice_of(invoice) for invoice in invoices.auto_paging_iter()]
    return tuple(invoice for invoice in told if invoice.payments)


def cancel_subscription(stripe_id: str) -> None:
    """End it now, without a last invoice or credit; one that is gone or ended counts as done."""
    try:
        with translated_errors():
            client().v1.subscriptions.cancel(stripe_id, {"invoice_now": False, "prorate": False})
    except StripeObjectGone:
        return
