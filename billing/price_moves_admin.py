"""The owner's hand on prices: show, announce, and undo."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from billing.models import PriceMove, Subscription
from billing.price_moves import NoMove, announce_move, plan_move, undo_move
from lib.admin import ReadOnlyAdmin
from lib.money import format_cents


@admin.action(description="Price: show what moving to today's would mean")
def show_price_move(
    admin_page: admin.ModelAdmin, request: HttpRequest, queryset: QuerySet[Subscription]
) -> None:
    for row in queryset.select_related("price__tier__product", "stripe_price", "customer"):
        try:
            target = plan_move(row)
        except NoMove as refused:
            messages.warning(request, f"{row.customer}: {refused}.")
            continue
        old, new = row.total_cents, target.total_cents(row.quantity)
        currency = row.price.currency
        messages.info(
            request,
            f"{row.customer}: {row.price.tier} from {format_cents(old, currency)} to "
            f"{format_cents(new, currency)} per {row.price.interval}. Nothing was announced.",
        )


@admin.action(description="Price: announce today's to the customer, in 30 days or more")
def announce_price_move(
    admin_page: admin.ModelAdmin, request: HttpRequest, queryset: QuerySet[Subscription]
) -> None:
    for row in queryset.select_related("customer"):
        try:
            move = announce_move(row.pk, at=timezone.now())
        except NoMove as refused:
            messages.warning(request, f"{row.customer}: {refused}.")
        else:
            messages.info(request, f"{row.customer} pays the new price from {move.at:%Y-%m-%d}.")


@admin.register(PriceMove)
class PriceMoveAdmin(ReadOnlyAdmin):
    list_display = ["subscription", "state", "announced_at", "at", "note", "attempts", "dead_at"]
    list_filter = ["state", "dead_at"]
    list_select_related = ["subscription"]
    search_fields = ["subscription__stripe_id", "subscription__customer__name"]
    actions = ["undo", "try_again"]

    @admin.action(description="Undo, and tell the customer")
    def undo(self, request: HttpRequest, queryset: QuerySet[PriceMove]) -> None:
        for move in queryset:
            if undo_move(move.pk, at=timezone.now()):
                messages.info(request, f"{move.subscription} keeps its price.")
            else:
                messages.warning(request, f"{move.subscription}: too late, or undone before.")

    @admin.action(description="Try again (only those that were given up)")
    def try_again(self, request: HttpRequest, queryset: QuerySet[PriceMove]) -> None:
        # One attempt stays counted: it may have reached Stripe, so it cannot be undone any more.
        queryset.filter(dead_at__isnull=False).update(
            due_at=timezone.now(), dead_at=None, attempts=1, lease_until=None
        )
