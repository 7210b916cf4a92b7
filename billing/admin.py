from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from billing import contracts_admin, offers_admin  # noqa: F401  register their pages
from billing.dirty import mark_dirty
from billing.models import (
    Cart,
    Chore,
    Closing,
    DirtyObject,
    Dispute,
    GuaranteeRefund,
    LateRefund,
    LedgerEntry,
    OwnerNotice,
    Payment,
    Price,
    Refund,
    SecondBackup,
    StripeCustomer,
    StripeEvent,
    Subscription,
)
from billing.price_moves_admin import announce_price_move, show_price_move
from billing.refunding import open_refund_job
from lib.admin import ReadOnlyAdmin
from lib.money import format_cents
from outbox.admin import ClaimableAdmin


@admin.register(Price)
class PriceAdmin(admin.ModelAdmin):
    list_display = ["lookup_key", "tier", "interval", "amount", "is_on_sale", "stripe_id"]
    list_filter = ["is_on_sale", "tier"]
    list_select_related = ["tier__product"]
    search_fields = ["lookup_key", "stripe_id"]
    readonly_fields = ["stripe_id"]

    @admin.display(description="one unit")
    def amount(self, price: Price) -> str:
        return format_cents(price.total_cents(1), price.currency)

    def save_model(self, request: HttpRequest, obj: Price, form: object, change: bool) -> None:  # noqa: FBT001
        super().save_model(request, obj, form, change)
        messages.info(request, "New buyers get it once it is put on Stripe: see Catalog.")


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    list_display = ["stripe_id", "customer", "price", "quantity", "status", "current_period_end"]
    list_filter = ["status", "price"]
    list_select_related = ["customer", "price"]
    search_fields = ["stripe_id", "customer__name", "customer__contacts__email"]
    actions = [show_price_move, announce_price_move, "refund_everything"]

    @admin.action(description="Refund everything, end it, and revoke the license")
    def refund_everything(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        for subscription in queryset.select_related("customer"):
            job = open_refund_job(
                subscription.pk, cause=GuaranteeRefund.Cause.OWNER, at=timezone.now()
            )
            self.log_change(request, subscription, f"refund: {job.get_cause_display()}")
            messages.info(request, f"{subscription.customer} gets everything back for it.")


@admin.register(StripeCustomer)
class StripeCustomerAdmin(ReadOnlyAdmin):
    list_display = ["stripe_id", "customer", "email"]
    list_select_related = ["customer"]
    search_fields = ["stripe_id", "email", "customer__name", "customer__contacts__email"]


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    list_display = ["stripe_id", "subscription", "amount", "paid_at", "invoice_id"]
    list_select_related = ["subscription"]
    search_fields = ["stripe_id", "invoice_id", "subscription__stripe_id"]
    date_hierarchy = "paid_at"

    @admin.display(ordering="amount_cents")
    def amount(self, payment: Payment) -> str:
        return format_cents(payment.amount_cents, payment.currency)


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    list_display = ["stripe_id", "payment", "amount", "status", "failure_reason", "created_at"]
    list_filter = ["status"]
    list_select_related = ["payment"]
    search_fields = ["stripe_id", "payment__stripe_id", "payment__subscription__stripe_id"]

    @admin.display(ordering="amount_cents")
    def amount(self, refund: Refund) -> str:
        return format_cents(refund.amount_cents, refund.payment.currency)


@admin.register(Dispute)
class DisputeAdmin(ReadOnlyAdmin):
    list_display = ["stripe_id", "payment", "amount", "status", "reason", "due_by"]
    list_filter = ["status"]
    list_select_related = ["payment"]
    search_fields = ["stripe_id", "payment__stripe_id", "payment__subscription__stripe_id"]

    @admin.display(ordering="amount_cents")
    def amount(self, dispute: Dispute) -> str:
        return format_cents(dispute.amount_cents, dispute.payment.currency)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    """What each subscription was worth, and since when."""

    list_display = ["subscription", "at", "heard_at", "worth", "tier", "paid_until", "is_leaving"]
    list_select_related = ["subscription", "tier__product"]
    search_fields = ["subscription__stripe_id", "subscription__customer__name"]
    date_hierarchy = "at"

    @admin.display(ordering="cents_a_year", description="a year")
    def worth(self, entry: LedgerEntry) -> str:
        return format_cents(entry.cents_a_year)


@admin.register(GuaranteeRefund)
class GuaranteeRefundAdmin(ClaimableAdmin):
    list_display = ["subscription", "cause", "state", "requested_at", "attempts", "dead_at"]
    list_filter = ["cause", "state"]
    list_select_related = ["subscription"]
    search_fields = ["subscription__stripe_id", "subscription__customer__name"]


@admin.register(LateRefund)
class LateRefundAdmin(ClaimableAdmin):
    list_display = ["payment", "due_at", "attempts", "dead_at", "last_error"]
    list_select_related = ["payment"]
    search_fields = ["payment__stripe_id"]


@admin.register(SecondBackup)
class SecondBackupAdmin(ClaimableAdmin):
    list_display = ["customer", "written_at", "due_at", "attempts", "dead_at"]
    list_select_related = ["customer__customer"]
    search_fields = ["customer__stripe_id", "customer__customer__name"]


@admin.register(Closing)
class ClosingAdmin(ClaimableAdmin):
    list_display = ["subscription", "announced_at", "due_at", "attempts", "dead_at"]
    list_select_related = ["subscription"]
    search_fields = ["subscription__stripe_id", "subscription__customer__name"]


@admin.register(Chore)
class ChoreAdmin(ClaimableAdmin):
    """What is done every night: when it was done last, with which outcome, and when it comes."""

    list_display = ["name", "done_at", "outcome", "due_at", "attempts", "last_error"]


@admin.register(OwnerNotice)
class OwnerNoticeAdmin(ReadOnlyAdmin):
    list_display = ["text", "needs_him", "created_at", "closed_at"]
    list_filter = ["needs_him", "closed_at"]
    search_fields = ["key", "text"]
    actions = ["close"]

    @admin.action(description="Close: it is done")
    def close(self, request: HttpRequest, queryset: QuerySet[OwnerNotice]) -> None:
        queryset.filter(closed_at__isnull=True).update(closed_at=timezone.now())


@admin.register(Cart)
class CartAdmin(ReadOnlyAdmin):
    list_display = ["public_id", "price", "quantity", "status", "created_at", "customer"]
    list_filter = ["status"]
    list_select_related = ["price", "customer"]
    search_fields = ["public_id", "stripe_session_id"]
    exclude = ["credential_digest", "click"]


@admin.register(DirtyObject)
class DirtyObjectAdmin(ReadOnlyAdmin):
    list_display = [
        "stripe_id",
        "kind",
        "hints",
        "agreed",
        "due_at",
        "attempts",
        "dead_at",
        "error",
    ]
    list_filter = ["kind", "dead_at"]
    search_fields = ["stripe_id"]
    actions = ["process_again"]

    @admin.display(description="error")
    def error(self, row: DirtyObject) -> str:
        return row.last_error[:80]

    @admin.action(description="Process again: ask Stripe anew")
    def process_again(self, request: HttpRequest, queryset: QuerySet[DirtyObject]) -> None:
        with transaction.atomic():
            for row in queryset:
                mark_dirty(DirtyObject.Kind(row.kind), row.stripe_id, at=timezone.now())


@admin.register(StripeEvent)
class StripeEventAdmin(ReadOnlyAdmin):
    list_display = ["stripe_id", "type", "received_at", "about", "error", "note"]
    list_filter = ["type", "livemode"]
    list_select_related = ["about"]
    search_fields = ["stripe_id", "type", "about__stripe_id"]
    date_hierarchy = "received_at"
    actions = ["process_again"]

    @admin.display(description="error")
    def error(self, event: StripeEvent) -> str:
        return event.about.last_error[:80] if event.about else ""

    @admin.action(description="Process again: ask Stripe about the same object anew")
    def process_again(self, request: HttpRequest, queryset: QuerySet[StripeEvent]) -> None:
        with transaction.atomic():
            for event in queryset.filter(about__isnull=False).select_related("about"):
                assert event.about is not None
                mark_dirty(
                    DirtyObject.Kind(event.about.kind), event.about.stripe_id, at=timezone.now()
                )
