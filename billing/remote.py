"""What Stripe tells us, cut to what we use. Ids and statuses are Stripe's, times are aware UTC."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from lib.money import VolumeTier


@dataclass(frozen=True)
class RemoteCustomer:
    stripe_id: str
    email: str
    name: str
    metadata: dict[str, str] = field(default_factory=dict)
    is_deleted: bool = False


@dataclass(frozen=True)
class RemotePayment:
    """Money that an invoice received through one payment intent."""

    stripe_id: str
    amount_cents: int
    invoice_id: str


@dataclass(frozen=True)
class RemoteLine:
    price_id: str
    quantity: int
    amount_cents: int
    period_end: datetime
    discount_cents: int = 0  # taken off the amount


@dataclass(frozen=True)
class RemoteInvoice:
    stripe_id: str
    billing_reason: str
    number: str  # as printed on it
    hosted_url: str
    pdf_url: str
    currency: str
    created_at: datetime
    paid_at: datetime
    lines: tuple[RemoteLine, ...]
    payments: tuple[RemotePayment, ...]


@dataclass(frozen=True)
class RemoteCard:
    last4: str
    expires_on: date  # the last day on which it can be charged


@dataclass(frozen=True)
class RemoteSubscription:
    stripe_id: str
    status: str
    customer: RemoteCustomer
    livemode: bool
    price_id: str
    quantity: int
    collection_method: str  # charge_automatically, send_invoice
    contract_id: str  # metadata[contract]: the public id of an invoice contract, or ""
    current_period_end: datetime
    created_at: datetime
    cancel_at: datetime | None
    ended_at: datetime | None
    # Since when the oldest open invoice should have been paid: finalized (a card), or due.
    past_due_since: datetime | None
    hosted_invoice_url: str
    latest_invoice_id: str
    finalization_error: str  # why the newest invoice stays a draft that nobody is billed for, or ""
    needs_action: bool  # the bank wants the cardholder to confirm the payment of that invoice
    card: RemoteCard | None
    paused_collection: str  # void, keep_as_draft, mark_uncollectible, or ""
    has_pending_update: bool  # a change that waits for its payment
    planned_change: "PlannedChange | None"
    # What the coming period costs before tax; None where no discount counts, or it was not asked.
    discounted_cents: int | None
    paid_invoices: tuple[RemoteInvoice, ...]  # newest first, ten at most

    @property
    def timely_invoices(self) -> tuple[RemoteInvoice, ...]:
        """Those that were paid before the end: what comes later goes back (billing.late)."""
        end = self.ended_at
        return tuple(one for one in self.paid_invoices if end is None or one.paid_at <= end)


@dataclass(frozen=True)
class PlannedChange:
    """What a schedule makes of the subscription at the end of the paid time."""

    schedule_id: str
    price_id: str
    quantity: int


@dataclass(frozen=True)
class RemotePreview:
    amount_cents: int  # due now
    currency: str


@dataclass(frozen=True)
class RemoteCheckoutSession:
    stripe_id: str
    url: str
    status: str  # open, complete, expired
    client_reference_id: str
    subscription_id: str  # "" until it is complete


@dataclass(frozen=True)
class RemotePrice:
    stripe_id: str
    lookup_key: str
    product_id: str
    currency: str
    interval: str
    unit_amount_cents: int | None
    volume_tiers: tuple[VolumeTier, ...]


@dataclass(frozen=True)
class RemoteEvent:
    """An event whose signature was right; `payload` is the body as text."""

    stripe_id: str
    type: str
    api_version: str
    livemode: bool
    created_at: datetime
    object: dict[str, Any]
    changed: frozenset[str]  # the names of the object's fields that an `.updated` event is about
    payload: str


@dataclass(frozen=True)
class RemoteRefund:
    stripe_id: str
    amount_cents: int
    status: str  # pending, succeeded, failed, canceled, requires_action, or newer than we know
    failure_reason: str
    created_at: datetime


@dataclass(frozen=True)
class RemoteDispute:
    stripe_id: str
    amount_cents: int
    status: str  # Stripe's word; a newer API has more of them than we know
    reason: str
    due_by: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class RemotePaymentState:
    """A payment intent with all that happened to its money."""

    stripe_id: str
    charge_id: str
    card_fingerprint: str
    amount_cents: int
    currency: str
    subscription_id: str  # "" when no invoice of a subscription was paid by it
    invoice: RemoteInvoice | None
    refunds: tuple[RemoteRefund, ...]
    disputes: tuple[RemoteDispute, ...]


@dataclass(frozen=True)
class RemoteCharge:
    """A payment that succeeded, as lists show it."""

    payment_id: str
    customer_id: str  # "" when it has none
    amount_cents: int
