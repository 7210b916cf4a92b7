"""What should be, told a second time: from Stripe's objects alone, and from what the walk did."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from lib.times import from_unix
from licenses.models import License
from outbox.models import Mail
from tests.flows.books import Json, pages
from tests.shop import Shop

GRACE = timedelta(days=21)  # as the rules of the business say, not as the code has it
RUNS = {"active", "trialing", "past_due"}
HELD = {"needs_response", "under_review", "lost"}
BEGINS = {"subscription_create", "subscription_cycle"}


@dataclass(frozen=True)
class Paid:
    """An invoice that a card paid, with the charge that did."""

    invoice: Json
    charge: Json
    is_disputed: bool

    @property
    def at(self) -> int:
        return int(self.invoice["status_transitions"]["paid_at"])

    @property
    def is_back(self) -> bool:
        """All of it went back, or a bank decides about it."""
        return bool(self.charge["refunded"]) or self.is_disputed


@dataclass
class Truth:
    """All that Stripe has, read once. Subscriptions are told by their ids."""

    shop: Shop
    invoices: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    paid: dict[str, list[Paid]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        """Newest first, as Stripe lists them."""
        charges = {
            one["payment_intent"]: one
            for one in pages(self.shop, "/v1/charges")
            if one["status"] == "succeeded"
        }
        for invoice in pages(self.shop, "/v1/invoices?expand[]=data.payments"):
            subscription = invoice["parent"]["subscription_details"]["subscription"]
            self.invoices[subscription].append(invoice)
            for payment in invoice["payments"]["data"]:
                intent = payment["payment"].get("payment_intent")
                if payment["status"] == "paid" and intent in charges:
                    is_disputed = bool(self.disputes[intent])
                    paid = Paid(invoice, charges[intent], is_disputed)
                    self.paid[subscription].append(paid)

    @cached_property
    def subscriptions(self) -> dict[str, Json]:
        return {row["id"]: row for row in pages(self.shop, "/v1/subscriptions?status=all")}

    @cached_property
    def disputes(self) -> dict[str, list[Json]]:
        """By payment intent."""
        found: dict[str, list[Json]] = defaultdict(list)
        for one in pages(self.shop, "/v1/disputes"):
            found[one["payment_intent"]].append(one)
        return found

    @cached_property
    def refunds(self) -> list[Json]:
        return pages(self.shop, "/v1/refunds")

    def disputes_of(self, subscription: str) -> list[Json]:
        intents = [one.charge["payment_intent"] for one in self.paid[subscription]]
        return [dispute for intent in intents for dispute in self.disputes[intent]]

    # Rights

    def should_be_served(self, subscription: str, at: datetime) -> bool | None:
        """Whether its license should be active; None where a day makes the difference."""
        row = self.subscriptions[subscription]
        settled = [one for one in self.invoices[subscription] if one["status"] == "paid"]
        if row["status"] not in RUNS or not settled:
            return False
        if any(one["status"] in HELD for one in self.disputes_of(subscription)):
            return False
        if self.is_given_back(subscription) or (row["cancel_at"] or 2**40) <= at.timestamp():
            return False
        if row["pause_collection"] and self.paid_through(settled) <= at:
            return False
        return row["status"] != "past_due" or self._is_in_grace(subscription, settled, at)

    def is_given_back(self, subscription: str) -> bool:
        """Whether all that was paid for the newest period went back by refunds."""
        timely = [one for one in self.paid[subscription] if not self.is_late(subscription, one)]
        begins = [n for n, one in enumerate(timely) if one.invoice["billing_reason"] in BEGINS]
        period = timely[: begins[0] + 1] if begins else timely
        return bool(period) and all(one.charge["refunded"] for one in period)

    def paid_through(self, settled: list[Json]) -> datetime:
        """Until when the invoice lasts that was made last; one of changes has credits, too."""
        lines = [line for line in settled[0]["lines"]["data"] if line["amount"] >= 0]
        return from_unix(max(line["period"]["end"] for line in lines))

    def _is_in_grace(self, subscription: str, settled: list[Json], at: datetime) -> bool | None:
        """Since the oldest invoice that is not paid and younger than all that are."""
        unpaid = [
            one["created"]
            for one in self.invoices[subscription]
            if one["status"] in {"open", "uncollectible"}
            and one["attempted"]  # a pause gives up what nobody was asked for
            and one["created"] > settled[0]["created"]
        ]
        if not unpaid:
            return None
        unpaid_for = at - from_unix(min(unpaid))
        return None if abs(unpaid_for - GRACE) <= timedelta(days=1) else unpaid_for < GRACE

    # Money

    def is_late(self, subscription: str, paid: Paid) -> bool:
        ended_at = self.subscriptions[subscription]["ended_at"]
        return ended_at is not None and paid.at > ended_at

    def what_is_owed_went_back(self) -> None:
        """What came after the end, for a second subscription, or before a pressed guarantee."""
        pressed = {
            one["metadata"]["subscription"]
            for one in self.refunds
            if one["metadata"].get("cause") == "guarantee"
        }
        served = set(License.objects.values_list("source", flat=True))
        for subscription, all_paid in self.paid.items():
            for paid in all_paid:
                owed = subscription in pressed or f"stripe:{subscription}" not in served
                if owed or self.is_late(subscription, paid):
                    assert paid.is_back, (subscription, paid)

    def nothing_is_given_away(self, pressed: set[str]) -> None:
        """Each refund of ours has a cause that Stripe's objects, or a button, tell, too."""
        by_intent = {
            paid.charge["payment_intent"]: (subscription, paid)
            for subscription, all_paid in self.paid.items()
            for paid in all_paid
        }
        for refund in self.refunds:
            if cause := refund["metadata"].get("cause"):
                subscription, paid = by_intent[refund["payment_intent"]]
                assert self._is_owed(cause, subscription, paid, pressed), (cause, refund)

    def _is_owed(self, cause: str, subscription: str, paid: Paid, pressed: set[str]) -> bool:
        match cause:
            case "guarantee":
                return subscription in pressed
            case "duplicate":
                return not License.objects.filter(source=f"stripe:{subscription}").exists()
            case "paid after the end":
                return self.is_late(subscription, paid)
            case "replaced":
                return self._came_too_late(subscription, paid)
            case "dashboard":  # what was paid after the owner had given the period back
                intents = {one.charge["payment_intent"] for one in self.paid[subscription]}
                by_hand = [one for one in self.refunds if not one["metadata"].get("cause")]
                theirs = [one for one in by_hand if one["payment_intent"] in intents]
                return any(one["created"] <= paid.at for one in theirs)
            case "fraud":
                disputes = self.disputes_of(subscription)
                return any(one["created"] <= paid.at for one in disputes)
        return False

    def _came_too_late(self, subscription: str, paid: Paid) -> bool:
        """After all that this one had been paid for, and another one was bought."""
        mine = self.subscriptions[subscription]
        theirs = [one for one in self.subscriptions.values() if one["customer"] == mine["customer"]]
        before = [
            one
            for one in self.invoices[subscription]
            if one["status"] == "paid" and one["created"] < paid.invoice["created"]
        ]
        is_over = bool(before) and self.paid_through(before).timestamp() <= paid.at
        return is_over and any(one["created"] > mine["created"] for one in theirs)

    def each_has_one(self) -> None:
        """Nobody has two live licenses of one product, whatever pages he paid."""
        live = License.objects.filter(status=License.Status.ACTIVE, source__startswith="stripe:")
        held = Counter(live.values_list("customer_id", "tier__product_id"))
        assert max(held.values(), default=1) == 1, held


def nothing_is_told_that_was_not(happened: list[Json]) -> None:
    """No more mails of a cancellation, or of one day of a failed payment, than Stripe's events."""
    turned: Counter[str] = Counter()
    for event in happened:
        changed = event["data"].get("previous_attributes") or {}
        is_update = event["type"] == "customer.subscription.updated"
        if is_update and "cancel_at" in changed and changed["cancel_at"] is None:
            turned[event["data"]["object"]["id"]] += 1
    _told_at_most(turned, _mails("canceled:"))
    failed = {
        (invoice["parent"]["subscription_details"]["subscription"], invoice["id"])
        for event in happened
        if event["type"] == "invoice.payment_failed"
        and (invoice := event["data"]["object"])["parent"]
    }
    invoices = Counter(subscription for subscription, _ in failed)
    for day in ("0", "3", "7", "14", "20"):
        told = [key for key in _mails("payment-failed:") if key.split(":")[3] == day]
        _told_at_most(invoices, told)


def _mails(prefix: str) -> list[str]:
    return list(Mail.objects.filter(key__startswith=prefix).values_list("key", flat=True))


def _told_at_most(facts: Counter[str], keys: list[str]) -> None:
    """Keys have the subscription in their second place."""
    told = Counter(key.split(":")[1] for key in keys)
    assert all(number <= facts[one] for one, number in told.items()), (told, facts, keys)


def a_click_is_one_page(shop: Shop) -> None:
    """However often it was pressed, and whatever answers were lost."""
    sessions = pages(shop, "/v1/checkout/sessions")
    by_cart = Counter(one["client_reference_id"] for one in sessions)
    assert max(by_cart.values(), default=1) == 1, by_cart
