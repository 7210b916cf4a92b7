"""Mails that the calendar calls for: a year that renews soon, a card that expires before."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta

from django.db.models import F

from billing.models import Price, PriceMove, Subscription
from lib.money import format_cents
from lib.times import add_months
from licenses import people
from outbox.mail import queue_mail, queued_among

RENEWAL_DAYS = (30, 7)


def remind_renewals(at: datetime) -> int:
    """Tell of each yearly renewal 30 and 7 days before, with the amount; returns how many mails.

    After a stop only the newer of the two is sent.
    """
    soon = Subscription.objects.filter(
        status="active",
        paused_collection="",
        cancel_at=None,
        price__interval=Price.Interval.YEAR,
        current_period_end__gt=at,
        current_period_end__lte=at + timedelta(days=RENEWAL_DAYS[0]),
    )
    return _mail_once(soon, lambda row: _renewal_key(row, at), _mail_renewal)


def remind_cards(at: datetime) -> int:
    """Tell of each card that expires by next month and before it is charged again; how many."""
    first_of_this = at.replace(day=1)
    too_late = add_months(first_of_this, 2).date()
    expiring = Subscription.objects.filter(
        status__in=["active", "past_due"],
        paused_collection="",
        cancel_at=None,
        collection_method="charge_automatically",
        card_expires_on__lt=too_late,
        current_period_end__date__gt=F("card_expires_on"),
    )
    return _mail_once(expiring, _card_key, _mail_card)


def _mail_once(
    rows: Iterable[Subscription],
    key_of: Callable[[Subscription], str],
    mail: Callable[[str, Subscription], None],
) -> int:
    """Two queries where all was told before, however many there are."""
    keys = {key_of(row): row for row in rows}
    told = queued_among(keys)
    for key in keys.keys() - told:
        mail(key, keys[key])
    return len(keys) - len(told)


def _renewal_key(subscription: Subscription, at: datetime) -> str:
    left = subscription.current_period_end - at
    day = min(day for day in RENEWAL_DAYS if left <= timedelta(days=day))
    return f"renews:{subscription.stripe_id}:{subscription.current_period_end:%Y-%m-%d}:{day}"


def _mail_renewal(key: str, subscription: Subscription) -> None:
    price = subscription.planned_price or subscription.price
    ends_on = subscription.current_period_end.date()
    expires_on: date | None = subscription.card_expires_on
    queue_mail(
        key,
        template="billing/renewal",
        to=people.addresses_of(subscription.customer_id),
        context={
            "tier": price.tier,
            "at": subscription.current_period_end,
            "total": format_cents(_next_total(subscription), price.currency),
            "is_before_discount": _is_before_discount(subscription),
            "interval": price.interval,
            "by_invoice": subscription.is_by_invoice,
            "card_last4": subscription.card_last4,
            "is_card_expired": expires_on is not None and expires_on < ends_on,
        },
    )


def _next_total(subscription: Subscription) -> int:
    """What the coming renewal costs: as planned, as announced, or as it is."""
    if subscription.planned_price is not None:
        quantity = subscription.planned_quantity or subscription.quantity
        return subscription.planned_price.total_cents(quantity)
    move = _coming_move(subscription)
    if move is not None:
        total: int = move.to_price.total_cents(subscription.quantity)
        return total
    if subscription.discounted_cents is not None:
        return subscription.discounted_cents
    return subscription.total_cents


def _is_before_discount(subscription: Subscription) -> bool:
    """Stripe reckons the discount of today's price; that of another is not known yet."""
    is_other = subscription.planned_price is not None or _coming_move(subscription) is not None
    return is_other and subscription.discounted_cents is not None


def _coming_move(subscription: Subscription) -> PriceMove | None:
    move: PriceMove | None = PriceMove.objects.filter(
        subscription=subscription,
        state=PriceMove.State.ANNOUNCED,
        at__lte=subscription.current_period_end + timedelta(days=1),
    ).first()
    return move


def _card_key(subscription: Subscription) -> str:
    card = f"{subscription.card_last4}:{subscription.card_expires_on}"
    return f"card-expires:{subscription.stripe_id}:{card}"


def _mail_card(key: str, subscription: Subscription) -> None:
    queue_mail(
        key,
        template="billing/card_expires",
        to=people.addresses_of(subscription.customer_id),
        context={
            "tier": subscription.price.tier,
            "card_last4": subscription.card_last4,
            "expires_on": subscription.card_expires_on,
            "renews_at": subscription.current_period_end,
        },
    )
