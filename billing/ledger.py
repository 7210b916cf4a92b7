"""What each subscription is worth a year, written down whenever it changed.

An entry says since when (`at`) and when we knew (`heard_at`): whoever computes a past day anew
finds what was true, and sees why he was told otherwise then.
"""

from datetime import datetime

from django.db import transaction

from billing.models import LedgerEntry, Price, Subscription
from billing.verdict import grace

PER_YEAR = {Price.Interval.MONTH: 12, Price.Interval.YEAR: 1}
COUNTED = ("active", "past_due")


def cents_a_year(subscription: Subscription, at: datetime) -> int:
    """What it counts for: active, or past due inside its grace, and paid for (or signed) once.

    At the price it was bought at, before tax and promotion codes; a month counts twelve times.
    """
    if subscription.license_id is None or subscription.status not in COUNTED:
        return 0
    if any(end <= at for end in _ends(subscription)):
        return 0
    interval = Price.Interval(subscription.price.interval)
    return int(subscription.total_cents * PER_YEAR[interval])


def note_worth(subscription: Subscription, at: datetime, *, since: datetime | None = None) -> bool:
    """Add an entry if anything of it changed; whether it did. Call with the subscription locked.

    *since*: from when a first entry holds, if not from its first payment.
    """
    newest = LedgerEntry.objects.filter(subscription=subscription).first()
    cents = cents_a_year(subscription, at)
    now = {
        "cents_a_year": cents,
        "tier_id": subscription.price.tier_id,
        "interval": subscription.price.interval,
        "paid_until": subscription.current_period_end,
        "is_leaving": subscription.cancel_at is not None and cents > 0,
    }
    if newest is None:
        first = since or _paid_first(subscription) or at
        return cents > 0 and _add(subscription, first, at, now)
    if all(getattr(newest, name) == value for name, value in now.items()):
        return False
    has_ended = newest.cents_a_year > 0 and cents == 0
    since = _ended_at(subscription, at) if has_ended else at
    return _add(subscription, max(since, newest.at), at, now)


def begin_ledger(at: datetime) -> int:
    """Write what counts and has no entry, as of *at*: from before there was a ledger."""
    unknown = Subscription.objects.filter(ledger=None, license__isnull=False, status__in=COUNTED)
    return sum(_begin(pk, at) for pk in list(unknown.values_list("pk", flat=True)))


@transaction.atomic
def _begin(pk: int, at: datetime) -> bool:
    rows = Subscription.objects.select_for_update(of=("self",))
    row = rows.select_related("license", "price__tier", "stripe_price").get(pk=pk)
    is_new = not LedgerEntry.objects.filter(subscription=row).exists()
    return is_new and note_worth(row, at, since=at)


def _add(subscription: Subscription, since: datetime, at: datetime, now: dict[str, object]) -> bool:
    LedgerEntry.objects.create(subscription=subscription, at=min(since, at), heard_at=at, **now)
    return True


def _paid_first(subscription: Subscription) -> datetime | None:
    return subscription.payments.order_by("paid_at").values_list("paid_at", flat=True).first()


def _ends(subscription: Subscription) -> list[datetime]:
    """The moments from which it counts no more, as far as we know."""
    ends = [subscription.ended_at, subscription.cancel_at]
    if subscription.status == "past_due" and subscription.past_due_since is not None:
        ends.append(subscription.past_due_since + grace())
    if subscription.is_paused and subscription.license is not None:
        ends.append(subscription.license.paid_through)
    return [end for end in ends if end is not None]


def _ended_at(subscription: Subscription, at: datetime) -> datetime:
    return min((end for end in _ends(subscription) if end <= at), default=at)
