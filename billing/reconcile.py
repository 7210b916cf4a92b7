"""Ask Stripe for what we were not told, report it, and have it put right.

Leg one asks for the events since the last time; those that never arrived are kept as if they had.
Leg two needs no event: it walks over all subscriptions and the newer payments, refunds and
disputes, and compares them with our rows. What differs is marked dirty, and so put right by the
same code as ever. Safe to repeat, to kill, and to run twice at once.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from billing import money_walk, stripe_api
from billing.customers import note_address
from billing.dirty import is_waiting, mark_dirty
from billing.drift import differences
from billing.models import DirtyObject, EventCursor, StripeCustomer, StripeEvent, Subscription
from billing.notices import tell_owner
from billing.remote import RemoteSubscription
from billing.second_backup import differs_at_stripe
from billing.sync import is_ours
from billing.webhooks import HANDLED, keep_event

EVENTS_KEPT = timedelta(days=30)  # docs.stripe.com/api/events/list: "going back up to 30 days"
OVERLAP = timedelta(hours=1)  # an event may be listed later than it was made
MONEY_WINDOW = timedelta(days=120)  # as long as a cardholder may object
NOT_BEGUN = {"incomplete", "incomplete_expired"}
Kind = DirtyObject.Kind
Beat = Callable[[], None]


@dataclass
class Report:
    """What was found. `drift` are the ids of what differed, each with how."""

    at: datetime
    events: int = 0  # that had not reached us
    walked: int = 0  # subscriptions
    waiting: int = 0  # known to have changed, and in the worker's hands
    drift: dict[str, str] = field(default_factory=dict)
    needs_him: dict[str, str] = field(default_factory=dict)  # what no job can put right

    def __str__(self) -> str:
        kinds = Counter(self.drift.values())
        what = ", ".join(f"{count} x {kind}" for kind, count in sorted(kinds.items())) or "none"
        return (
            f"{self.walked} subscriptions, {self.waiting} waiting, "
            f"{self.events} events had not arrived, drift: {what}"
        )

    def add(self, stripe_id: str, what: str) -> None:
        self.drift.setdefault(stripe_id, what)


def reconcile_nightly(at: datetime, beat: Beat) -> str:
    return str(reconcile(at, beat=beat))


def reconcile(
    at: datetime,
    *,
    beat: Beat = lambda: None,
    events: bool = True,
    since: datetime | None = None,
) -> Report:
    """Both legs, or without *events* the second alone. Payments since *since* (120 days).

    *beat* is called between the questions to Stripe, and may raise to stop it.
    """
    report = Report(at)
    if events:
        report.events = ask_for_events(at, beat)
    _walk_subscriptions(report, beat)
    money_walk.walk_money(report, since or at - MONEY_WINDOW, beat)
    _tell(report)
    return report


def ask_for_events(at: datetime, beat: Beat = lambda: None) -> int:
    """Leg one: keep each event that had not reached us; returns how many."""
    cursor = EventCursor.objects.filter(pk=EventCursor.ONLY).first()
    oldest = at - EVENTS_KEPT
    since = max(oldest, cursor.asked_until - OVERLAP) if cursor else oldest
    found = 0
    for event in stripe_api.list_events(sorted(HANDLED), since):
        beat()
        if not StripeEvent.objects.filter(stripe_id=event.stripe_id).exists():
            keep_event(event)
            found += 1
    EventCursor.objects.update_or_create(pk=EventCursor.ONLY, defaults={"asked_until": at})
    return found


def _walk_subscriptions(report: Report, beat: Beat) -> None:
    """Leg two: every subscription at Stripe, and ours that Stripe does not have."""
    unseen = set(Subscription.objects.values_list("stripe_id", flat=True))
    for remote in stripe_api.list_subscriptions():
        beat()
        if is_ours(remote):
            report.walked += 1
            unseen.discard(remote.stripe_id)
            _look_at(remote, report)
            if _is_deleted_unheard(remote):
                mark_dirty(Kind.CUSTOMER, remote.customer.stripe_id, at=timezone.now())
                report.add(remote.customer.stripe_id, "customer deleted")
            elif not remote.customer.is_deleted:
                note_address(remote.customer)
            if differs_at_stripe(remote.customer):
                report.add(remote.customer.stripe_id, "second backup")
        elif remote.stripe_id in unseen:
            unseen.discard(remote.stripe_id)
            report.needs_him[remote.stripe_id] = "is of the other mode (test or live)"
    for stripe_id in sorted(unseen):
        report.needs_him[stripe_id] = "is unknown at Stripe"


def _is_deleted_unheard(remote: RemoteSubscription) -> bool:
    known = StripeCustomer.objects.filter(stripe_id=remote.customer.stripe_id, deleted_at=None)
    return remote.customer.is_deleted and known.exists()


def _look_at(remote: RemoteSubscription, report: Report) -> None:
    if is_waiting(remote.stripe_id):
        report.waiting += 1
    elif _found(remote):
        # The list may be older than our row by now, and shows one invoice only.
        exact = stripe_api.retrieve_subscription(remote.stripe_id)
        found = _found(exact)
        if found and not is_waiting(remote.stripe_id):
            mark_dirty(Kind.SUBSCRIPTION, remote.stripe_id, at=timezone.now())
            report.add(remote.stripe_id, " + ".join(found))


def _found(remote: RemoteSubscription) -> list[str]:
    known = Subscription.objects.filter(stripe_id=remote.stripe_id).select_related("license")
    row = known.first()
    if row is None:
        return [] if remote.status in NOT_BEGUN else ["unknown here"]
    return differences(row, remote, timezone.now())


def _tell(report: Report) -> None:
    if report.drift:
        lines = [f"{stripe_id}: {what}" for stripe_id, what in sorted(report.drift.items())]
        more = [f"and {len(lines) - 20} more"] if len(lines) > 20 else []
        text = "\n".join([f"Drift from Stripe, being put right. {report}", *lines[:20], *more])
        tell_owner(f"drift:{report.at:%Y-%m-%dT%H:%M}", text, at=report.at)
    for stripe_id, what in report.needs_him.items():
        text = f"Subscription {stripe_id} of {settings.SHOP_NAME} {what}. Its license was left."
        tell_owner(f"drift:{stripe_id}:{what}", text, at=report.at, needs_him=True)
