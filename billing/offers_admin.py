"""An offer, from its hypothesis to its verdict."""

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from billing.models import Offer, Subscription
from billing.notices import close_notice
from billing.offers import result_of, with_sales
from billing.verdict import ENDED
from lib.money import format_cents


@admin.register(Offer)
class OfferAdmin(admin.ModelAdmin):
    list_display = ["name", "price", "starts_on", "ends_on", "sold", "verdict"]
    list_select_related = ["price"]
    search_fields = ["name", "price__lookup_key", "hypothesis", "verdict"]
    date_hierarchy = "starts_on"
    fields = ["name", "price", "hypothesis", ("starts_on", "ends_on"), "came_of_it", "verdict"]

    def get_readonly_fields(self, request: HttpRequest, obj: Offer | None = None) -> list[str]:
        """The price that was put on sale is the one that goes off it; what is over stays so."""
        if obj is not None and obj.closed_at is not None:
            return ["price", "starts_on", "ends_on", "came_of_it"]
        has_begun = obj is not None and obj.opened_at is not None
        return ["price", "came_of_it"] if has_begun else ["came_of_it"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Offer]:
        return with_sales(super().get_queryset(request))

    def has_delete_permission(self, request: HttpRequest, obj: Offer | None = None) -> bool:
        """What was offered to somebody stays written down."""
        return obj is not None and obj.opened_at is None

    @admin.display(description="what came of it")
    def came_of_it(self, offer: Offer) -> str:
        if not offer.pk:
            return "nothing yet"
        result = result_of(offer)
        quarters = ", ".join(
            f"{day.year} Q{(day.month + 2) // 3} {format_cents(cents, offer.price.currency)}"
            for day, cents in sorted(result.by_quarter.items())
        )
        return (
            f"{result.checkouts} checkouts, {result.sales} sold, {result.refunded} given back; "
            f"{quarters or 'no money yet'}"
        )

    @admin.display(description="sold")
    def sold(self, offer: Offer) -> int:
        sales: int = offer.sales  # type: ignore[attr-defined]
        return sales

    def save_model(
        self,
        request: HttpRequest,
        obj: Offer,
        form: forms.ModelForm,
        change: bool,  # noqa: FBT001
    ) -> None:
        super().save_model(request, obj, form, change)
        if obj.verdict:
            close_notice(f"offer-over:{obj.pk}", at=timezone.now())
        messages.info(request, _what_it_means(obj))


def _what_it_means(offer: Offer) -> str:
    price = offer.price
    theirs = Subscription.objects.filter(price__tier=price.tier).exclude(status__in=ENDED)
    amount = format_cents(price.total_cents(1), price.currency)
    text = (
        f"From {offer.starts_on} to {offer.ends_on} new buyers of {price.tier} may pay {amount} "
        f"per {price.interval}. Its {theirs.count()} subscribers keep what they pay; nobody is "
        "mailed."
    )
    return text if price.stripe_id else f"{text} Put the price on Stripe before: see Catalog."
