"""A customer changes his subscription on his account: preview, confirm, cancel, take it back."""

from collections.abc import Callable
from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from billing import changes, stripe_api
from billing.changes import Change, NoSuchChange
from billing.models import MAX_QUANTITY, Price, Subscription
from billing.sync import sync_subscription_now
from lib.money import format_cents
from lib.sealing import seal, unseal
from portal.subscriptions import get_subscription

Act = Callable[[Subscription], None]
PREVIEW_SECONDS = 15 * 60  # how long a shown amount may be confirmed
REFUSED = "Our payment provider refused that. Nothing was changed; please write to us."
# It may have been done before the answer was lost; nobody is told what nobody knows.
AWAY = (
    "Our payment provider does not answer. If it was done after all, you see it here within a "
    "minute; if not, please try again. It is never done twice."
)
PLAN_UNDONE = (
    "Your planned change is undone, but our payment provider did not confirm the cancellation. If "
    "it does not stand here within a minute, please cancel again."
)
GONE = (
    "Your subscription was ended at our payment provider, and your card is gone with it. Please "
    "buy again, or write to us if that surprises you."
)
NO_PAGE = "Our payment provider does not answer; please try again in a minute."


class ChangeForm(forms.Form):
    price = forms.ModelChoiceField(
        Price.objects.on_sale().select_related("tier__product"),
        to_field_name="lookup_key",
    )
    quantity = forms.IntegerField(min_value=1, max_value=MAX_QUANTITY)


@dataclass(frozen=True)
class Offer:
    """One price that the subscription could change to."""

    price: Price
    amount: str
    quantity: int


@require_http_methods(["GET", "POST"])
@login_required
@never_cache
def change(request: HttpRequest, subscription_id: int) -> HttpResponse:
    """Choose; then see the exact amount and date; then confirm just that."""
    subscription = get_subscription(request, subscription_id)
    try:
        if request.method == "POST":
            return _confirm(request, subscription)
        if "price" in request.GET:
            return _preview(request, subscription)
    except NoSuchChange as reason:
        messages.warning(request, f"Not changed: {reason}.")
        return redirect("portal:account")
    except stripe_api.CardDeclined as error:
        messages.warning(request, f"Your card was declined, nothing was changed: {error}")
        return redirect("portal:account")
    except (stripe_api.StripeUnavailable, stripe_api.StripeRefused) as error:
        return _say_so(request, subscription, error)
    context = {"subscription": subscription, "offers": _offers(subscription)}
    return render(request, "portal/change.html", context)


def _preview(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    form = ChangeForm(request.GET)
    if not form.is_valid():
        raise NoSuchChange("choose a price and a quantity from 1 to 1,000")
    wanted = changes.plan_change(
        subscription,
        form.cleaned_data["price"],
        form.cleaned_data["quantity"],
        proration_at=int(timezone.now().timestamp()),
    )
    preview = changes.preview_change(wanted)
    new_total = wanted.price.total_cents(wanted.quantity)
    context = {
        "subscription": subscription,
        "preview": preview,
        "amount": format_cents(preview.amount_cents, preview.currency),
        "total": format_cents(new_total, wanted.price.currency),
        "sealed": _seal(wanted),
    }
    return render(request, "portal/change_preview.html", context)


def _confirm(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    wanted = _unseal(request.POST.get("change", ""), subscription)
    is_immediate = wanted.is_immediate  # asked before there is nothing left to change
    changes.carry_out(wanted)
    subscription.refresh_from_db()
    if subscription.has_pending_update and subscription.pay_url:
        messages.warning(request, "Your card was not charged yet; finish the payment below.")
    elif is_immediate:
        messages.info(request, "Changed. What you paid for is yours now.")
    else:
        messages.info(request, "Planned. Nothing changes until then, and you can undo it.")
    return redirect("portal:account")


def _seal(wanted: Change) -> str:
    """The change as a hidden field: the amount shown is the amount billed, by nobody's edit."""
    return seal(
        f"{wanted.subscription.pk}:{wanted.price.pk}:{wanted.quantity}:{wanted.proration_at}"
    )


def _unseal(sealed: str, subscription: Subscription) -> Change:
    text = unseal(sealed, max_age_s=PREVIEW_SECONDS)
    if text is None:
        raise NoSuchChange("the preview is too old; look at the amount once more")
    pk, price_pk, quantity, proration_at = map(int, text.split(":"))
    if pk != subscription.pk:
        raise NoSuchChange("the preview is of another subscription")
    price = Price.objects.select_related("tier__product").get(pk=price_pk)
    return changes.plan_change(subscription, price, quantity, proration_at=proration_at)


def _offers(subscription: Subscription) -> list[Offer]:
    prices = (
        Price.objects.on_sale()
        .filter(tier__product=subscription.price.tier.product)
        .select_related("tier__product")
    )
    return [_offer(price, subscription) for price in prices.order_by("tier__rank", "interval")]


def _offer(price: Price, subscription: Subscription) -> Offer:
    quantity = subscription.quantity if price.max_quantity > 1 else 1
    return Offer(price, format_cents(price.total_cents(1), price.currency), quantity)


def _act(request: HttpRequest, subscription_id: int, act: Act, said: str) -> HttpResponse:
    subscription = get_subscription(request, subscription_id)
    try:
        act(subscription)
    except NoSuchChange as reason:
        messages.warning(request, f"Not changed: {reason}.")
        return redirect("portal:account")
    except (stripe_api.StripeUnavailable, stripe_api.StripeRefused) as error:
        return _say_so(request, subscription, error)
    messages.info(request, said)
    return redirect("portal:account")


def _say_so(request: HttpRequest, subscription: Subscription, error: Exception) -> HttpResponse:
    """Stripe failed; the worker looks at what became of it."""
    changes.look_again(subscription, at=timezone.now())
    if isinstance(error, changes.PlanUndone):
        text = PLAN_UNDONE
    else:
        text = REFUSED if isinstance(error, stripe_api.StripeRefused) else AWAY
    messages.warning(request, text)
    return redirect("portal:account")


@require_POST
@login_required
def cancel(request: HttpRequest, subscription_id: int) -> HttpResponse:
    said = "Canceled. Everything works until the paid time is over; you can take it back."
    return _act(request, subscription_id, changes.cancel, said)


@require_POST
@login_required
def resume(request: HttpRequest, subscription_id: int) -> HttpResponse:
    return _act(request, subscription_id, changes.resume, "It goes on as before.")


@require_POST
@login_required
def keep(request: HttpRequest, subscription_id: int) -> HttpResponse:
    """Forget a planned change."""
    return _act(request, subscription_id, changes.undo_planned_change, "It stays as it is.")


@require_POST
@login_required
def check(request: HttpRequest, subscription_id: int) -> HttpResponse:
    """Ask Stripe now, for one who paid and waits for no webhook."""

    def ask(subscription: Subscription) -> None:
        sync_subscription_now(subscription.stripe_id)

    said = "We asked our payment provider; what it knows of your payment stands below."
    return _act(request, subscription_id, ask, said)


@require_POST
@login_required
@never_cache
def billing(request: HttpRequest, subscription_id: int) -> HttpResponse:
    """To Stripe's own page for card, billing address and tax ids."""
    subscription = get_subscription(request, subscription_id)
    back = request.build_absolute_uri(reverse("portal:account"))
    try:
        response = redirect(changes.portal_url(subscription, return_url=back))
    except changes.CustomerGone:
        messages.warning(request, GONE)
        return redirect("portal:account")
    except (stripe_api.StripeUnavailable, stripe_api.StripeRefused):
        messages.warning(request, NO_PAGE)
        return redirect("portal:account")
    response.status_code = 303
    return response
