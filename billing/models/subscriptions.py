"""Subscriptions, the money they brought, and how it went back."""

from django.db import models

from billing.models.carts import Cart
from billing.models.prices import Price, StripePrice
from lib.money import format_cents
from licenses.models import Customer, License
from outbox.claims import Claimable, ClaimableManager


class Subscription(models.Model):
    """A subscription as Stripe last told us; statuses are Stripe's, word for word."""

    stripe_id = models.CharField(max_length=80, unique=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    cart = models.OneToOneField(Cart, models.PROTECT, null=True, blank=True, related_name="+")
    license = models.OneToOneField(License, models.PROTECT, null=True, blank=True, related_name="+")
    status = models.CharField(max_length=20)
    price = models.ForeignKey(Price, models.PROTECT, related_name="+")
    stripe_price = models.ForeignKey(
        StripePrice, models.PROTECT, null=True, blank=True, related_name="+"
    )
    quantity = models.PositiveIntegerField()
    card_last4 = models.CharField(max_length=4, blank=True)
    card_expires_on = models.DateField(null=True, blank=True, help_text="its last good day")
    collection_method = models.CharField(max_length=20, default="charge_automatically")
    current_period_end = models.DateTimeField()
    cancel_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    past_due_since = models.DateTimeField(null=True, blank=True)
    pay_url = models.CharField(max_length=500, blank=True, help_text="where to pay what is open")
    paused_collection = models.CharField(
        max_length=20, blank=True, db_default="", help_text="what becomes of invoices meanwhile"
    )
    has_pending_update = models.BooleanField(default=False, help_text="a change waits for money")
    schedule_id = models.CharField(max_length=80, blank=True)
    planned_price = models.ForeignKey(
        Price,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="what it becomes at the end of the paid time",
    )
    planned_quantity = models.PositiveIntegerField(null=True, blank=True)
    discounted_cents = models.PositiveIntegerField(
        null=True, blank=True, help_text="the coming period, where a discount counts; before tax"
    )
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.stripe_id} ({self.status})"

    @property
    def total_cents(self) -> int:
        """What it costs per interval at the price it was bought at, before tax and discounts."""
        return (self.stripe_price or self.price).total_cents(self.quantity)

    @property
    def is_paused(self) -> bool:
        """Nothing is paid at present: its invoices are voided, given up, never sent, or of $0."""
        return bool(self.paused_collection) or self.status == "paused" or not self.quantity

    @property
    def is_by_invoice(self) -> bool:
        """Paid by invoice, not by card: no guarantee, and no change by the customer's own hand."""
        return self.collection_method == "send_invoice"


class Payment(models.Model):
    """Money received: ties refunds and disputes, which name no customer, to a subscription."""

    stripe_id = models.CharField(max_length=80, unique=True, help_text="payment intent")
    charge_id = models.CharField(max_length=80, blank=True, db_index=True)
    invoice_id = models.CharField(max_length=80, db_index=True)
    billing_reason = models.CharField(max_length=40, blank=True)
    invoice_number = models.CharField(max_length=80, blank=True)
    invoice_url = models.CharField(max_length=500, blank=True)
    invoice_pdf_url = models.CharField(max_length=500, blank=True)
    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="payments")
    amount_cents = models.PositiveIntegerField()
    currency = models.CharField(max_length=3)
    card_fingerprint = models.CharField(max_length=80, blank=True, db_index=True)
    paid_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.stripe_id

    @property
    def refunded_cents(self) -> int:
        """What went back or is on its way; a refund that failed did not."""
        given = [refund for refund in self.refunds.all() if refund.status not in Refund.UNDONE]
        return sum(refund.amount_cents for refund in given)

    @property
    def is_late(self) -> bool:
        """Whether it came after its subscription's end: nothing is served for it."""
        ended_at = self.subscription.ended_at
        return ended_at is not None and self.paid_at > ended_at

    @property
    def amount(self) -> str:
        return format_cents(self.amount_cents, self.currency)

    @property
    def refunded(self) -> str:
        return format_cents(self.refunded_cents, self.currency)

    @property
    def is_refunded(self) -> bool:
        return self.refunded_cents >= self.amount_cents > 0


class Refund(models.Model):
    """Money given back, by our button or in the Dashboard; statuses are Stripe's."""

    UNDONE = ("failed", "canceled")

    stripe_id = models.CharField(max_length=80, unique=True)
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds")
    amount_cents = models.PositiveIntegerField()
    status = models.CharField(max_length=40)
    failure_reason = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.stripe_id} ({self.status})"


class Dispute(models.Model):
    """A cardholder's objection; statuses are Stripe's, also those newer than this code."""

    # An inquiry moves no money, and neither does one that was closed.
    INQUIRY = ("warning_needs_response", "warning_under_review", "warning_closed")
    OPEN = ("needs_response", "under_review")
    LOST = ("lost", "prevented")  # prevented: refunded before it became a dispute
    WON = ("won",)

    stripe_id = models.CharField(max_length=80, unique=True)
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="disputes")
    amount_cents = models.PositiveIntegerField()
    status = models.CharField(max_length=40)
    reason = models.CharField(max_length=80)
    due_by = models.DateTimeField(null=True, blank=True, help_text="until when to answer")
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.stripe_id} ({self.status})"

    @staticmethod
    def is_inquiry(status: str) -> bool:
        """Whether it moves no money; a newer API may have more of them than we know."""
        return status.startswith("warning_")

    @classmethod
    def holds_money(cls, status: str) -> bool:
        """Whether it is undecided and the money is taken; a status newer than this code, too."""
        return status not in (*cls.LOST, *cls.WON) and not cls.is_inquiry(status)

    @property
    def is_known_status(self) -> bool:
        return self.status in (*self.INQUIRY, *self.OPEN, *self.LOST, *self.WON)


class GuaranteeRefund(Claimable):
    """The job that gives everything back and ends a subscription, resumable at each step."""

    class State(models.TextChoices):
        REQUESTED = "requested"  # access was revoked in the transaction that made this row
        REFUNDED = "refunded"
        CANCELED = "canceled"
        DONE = "done"

    class Cause(models.TextChoices):
        GUARANTEE = "guarantee"  # the customer pressed the button
        DASHBOARD = "dashboard"  # the owner refunded all of it at Stripe
        DUPLICATE = "duplicate"  # a second subscription of the same product
        OWNER = "owner"  # the owner gave it back, and parts ways
        FRAUD = "fraud"  # a lost dispute, or an early fraud warning
        REPLACED = "replaced"  # it was unpaid, and he bought another one

    subscription = models.OneToOneField(Subscription, models.PROTECT, related_name="guarantee")
    cause = models.CharField(max_length=9, choices=Cause.choices)
    state = models.CharField(max_length=9, choices=State.choices, default=State.REQUESTED)
    requested_at = models.DateTimeField()
    amount_cents = models.PositiveIntegerField(default=0, help_text="given back by this job")
    done_at = models.DateTimeField(null=True, blank=True)
    currency = models.CharField(max_length=3, default="usd")

    objects = ClaimableManager()

    def __str__(self) -> str:
        return f"{self.subscription.stripe_id}: {self.state}"


class LateRefund(Claimable):
    """The job that gives back a payment that came after its subscription's end."""

    payment = models.OneToOneField(Payment, models.PROTECT, related_name="+")

    objects = ClaimableManager()

    def __str__(self) -> str:
        return self.payment.stripe_id
