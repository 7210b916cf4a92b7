"""Live through the weeks: people act, time passes, and webhooks arrive badly."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from .doors import Json, Shop, Standin
from .people import Person

WEEK = 7 * 24 * 3600
FOLLOWING_SECONDS = 0.2  # until the shop's processes have seen the new time
LOST, DOUBLED = 0.03, 0.1  # shares of the deliveries
AT_ONCE = 4  # webhooks on their way
LIVE = ("active", "trialing", "past_due")
# What an endpoint of a shop would be set up for.
WANTED = (
    "checkout.session.",
    "customer.subscription.",
    "invoice.paid",
    "invoice.payment_failed",
    "charge.refunded",
    "charge.dispute.",
    "refund.",
    "subscription_schedule.",
)


@dataclass
class Business:
    standin: Standin
    shop: Shop
    people: list[Person]
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)

    def live(self, weeks: int, step: int = 1) -> Iterator[int]:
        """*step* weeks after the others, people first; yields how many weeks are over."""
        self.standin.control("POST", "webhooks", {"mode": "hold"})
        for week in range(0, weeks, step):
            for person in self.people:
                self._act(person, range(week, week + step))
            self._deliver()
            self.standin.control("POST", "clock", {"advance_s": step * WEEK})
            time.sleep(FOLLOWING_SECONDS)
            self._deliver()
            yield week + step

    def _act(self, person: Person, weeks: range) -> None:
        if person.joins_in_week in weeks:
            person.key = self.shop.buy(person.price, person.quantity, person.card, person.email)
            person.has_bought = bool(person.key)
            self.done["bought" if person.key else "not bought"] += 1
        for due, what in person.deeds:
            if due in weeks and person.has_bought:
                self._do(person, what)

    def _do(self, person: Person, what: str) -> None:
        subscription = self.subscription_of(person)
        if subscription is None or subscription["status"] not in LIVE:
            return
        self.done[what] += 1
        path = f"subscriptions/{subscription['id']}"
        if what == "end_now":
            self.standin.api("DELETE", path)
        elif what.startswith("cancel"):
            self.standin.api("POST", path, cancel_at_period_end="true")
            if what == "cancel_and_resume":
                self._deliver()
                self.standin.api("POST", path, cancel_at_period_end="false")
        elif what in ("more", "fewer"):
            self._change(subscription, 1 if what == "more" else -1)
        else:
            self._money_back(subscription, what)

    def _change(self, subscription: Json, by: int) -> None:
        item = subscription["items"]["data"][0]
        if item["price"]["billing_scheme"] == "tiered" and item["quantity"] + by > 0:
            self.standin.api(
                "POST",
                f"subscriptions/{subscription['id']}",
                **{
                    "items[0][id]": item["id"],
                    "items[0][quantity]": item["quantity"] + by,
                    "proration_behavior": "always_invoice" if by > 0 else "none",
                },
            )

    def _money_back(self, subscription: Json, what: str) -> None:
        charges = self.standin.api("GET", f"charges?customer={subscription['customer']}&limit=1")
        rows = [row for row in (charges or {"data": []})["data"] if row["status"] == "succeeded"]
        if not rows or rows[0]["refunded"] or rows[0]["disputed"]:
            return
        intent = rows[0]["payment_intent"]
        if what.startswith("refund"):
            some = {"amount": 500} if what == "refund_some" else {}
            self.standin.api("POST", "refunds", payment_intent=intent, **some)
            return
        dispute = self.standin.control("POST", "disputes", {"payment_intent": intent})
        self._deliver()
        outcome = what.removeprefix("dispute_")
        self.standin.control("POST", f"disputes/{dispute['id']}", {"outcome": outcome})

    def subscription_of(self, person: Person) -> Json | None:
        """The newest subscription that was bought with his address."""
        found = self.standin.api("GET", f"customers?email={person.email}&limit=1")
        if not found or not found["data"]:
            return None
        customer = found["data"][0]["id"]
        theirs = self.standin.api("GET", f"subscriptions?customer={customer}&status=all&limit=1")
        return theirs["data"][0] if theirs and theirs["data"] else None

    def _deliver(self) -> None:
        """What waits, shuffled, some twice, some never; then until the shop is quiet."""
        waiting = self.standin.control("GET", "deliveries")
        unwanted = {row["type"] for row in waiting if not row["type"].startswith(WANTED)}
        wanted = [row for row in waiting if row["type"] not in unwanted]
        lost = [row["id"] for row in wanted if self.chance.random() < LOST]
        now = self.standin.control("GET", "clock")["now"]
        options: Json = {"order": "shuffled", "seed": self.chance.randrange(999), "signed_at": now}
        options["copies"] = 2 if self.chance.random() < DOUBLED else 1
        options["drop"] = [*unwanted, *lost]
        options["at_once"] = AT_ONCE
        sent = self.standin.control("POST", "deliveries/send", options)
        bad = [one for one in sent if one["status"] != 200]
        self.done["webhooks refused"] += len(bad)
        self.done["webhooks"] += len(sent)
        self.done["webhooks lost"] += len(lost)
        self.standin.wait_until_quiet()
