"""Random walks: whatever a seller does in whatever order, the stand-in says nothing that Stripe
would not say, and its books balance."""

import json
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import pytest
import stripe

from tests.cards import DECLINED, FAILS_AT_RENEWAL, GOOD, THREE_D_SECURE

from .process import NotPaidError
from .shop import DAY, Shop

CARDS = (GOOD, DECLINED, THREE_D_SECURE, FAILS_AT_RENEWAL)
STEPS = 60


class Walk:
    """A seller and his buyers, taking one random step after the other."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self.shop, self.client = shop, shop.client
        self.chance = random.Random(seed)
        self.prices = [shop.pro(), shop.pro("year"), shop.enterprise(), shop.enterprise("year")]
        self.steps: list[Callable[[], object]] = [
            self.buy,
            self.buy,
            self.change,
            self.cancel,
            self.leave_or_stay,
            self.refund,
            self.wait,
            self.pay_open_invoice,
            self.delete_customer,
            self.dispute,
            self.decide,
            self.settle_refund,
            self.plan,
            self.release,
            self.credit,
            self.discount,
        ]
        coupons = [{"percent_off": 30, "duration": "forever"}, {"percent_off": 100}]
        coupons += [{"amount_off": 1234, "currency": "usd", "duration": "once"}]
        self.coupons = [self.client.v1.coupons.create(cast("Any", each)).id for each in coupons]
        shop.standin.control("POST", "tax", {"percent": 19})

    def step(self) -> None:
        """One step; a refusal by Stripe's rules is fine, a bug of the stand-in is not."""
        with suppress(stripe.InvalidRequestError, stripe.CardError, NotPaidError):
            self.chance.choice(self.steps)()

    def any_subscription(self) -> stripe.Subscription:
        found = self.client.v1.subscriptions.list({"status": "all", "limit": 100}).data
        if not found:
            self.buy()
            found = self.client.v1.subscriptions.list({"status": "all", "limit": 100}).data
        return self.chance.choice(found) if found else self.any_subscription()

    def buy(self) -> None:
        extras: Any = {}
        if self.chance.random() < 0.4:
            extras["discounts"] = [{"coupon": self.chance.choice(self.coupons)}]
        if self.chance.random() < 0.4:
            extras["automatic_tax"] = {"enabled": True}
        price, quantity = self.chance.choice(self.prices), self.chance.randint(1, 25)
        session = self.shop.session(price, quantity, **extras)
        self.shop.standin.pay_checkout(session.url or "", card=self.chance.choice(CARDS))

    def change(self) -> None:
        subscription = self.any_subscription()
        item: Any = {"id": subscription["items"].data[0].id}
        item["price"] = self.chance.choice(self.prices).id
        item["quantity"] = self.chance.randint(1, 25)
        params: Any = {
            "items": [item],
            "proration_behavior": self.chance.choice(
                ["always_invoice", "create_prorations", "none"]
            ),
            "payment_behavior": self.chance.choice(
                ["allow_incomplete", "pending_if_incomplete", "error_if_incomplete"]
            ),
            "off_session": True,
        }
        self.client.v1.subscriptions.update(subscription.id, params)

    def cancel(self) -> None:
        self.client.v1.subscriptions.cancel(self.any_subscription().id)

    def leave_or_stay(self) -> None:
        leaves = self.chance.choice([True, False])
        subscription = self.any_subscription()
        self.client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": leaves})

    def control(self, path: str, body: dict[str, Any]) -> None:
        """A step of the bank; one that does not fit is refused with 400."""
        answer = self.shop.standin.request("POST", f"/_test/{path}", json.dumps(body))
        assert answer.status == 200 or "invalid_request_error" in answer.text, answer.text

    def dispute(self) -> None:
        for charge in self.client.v1.charges.list({"limit": 1}).data:
            status = self.chance.choice(["needs_response", "warning_needs_response", "prevented"])
            self.control("disputes", {"charge": charge.id, "status": status})

    def decide(self) -> None:
        outcome = self.chance.choice(["won", "lost", "prevented", "warning_closed", "escalated"])
        for dispute in self.client.v1.disputes.list({"limit": 3}).data:
            self.control(f"disputes/{dispute.id}", {"outcome": outcome})

    def settle_refund(self) -> None:
        status = self.chance.choice(["failed", "succeeded"])
        for refund in self.client.v1.refunds.list({"limit": 1}).data:
            self.control(f"refunds/{refund.id}", {"status": status})
        self.control("refunds", {"next": self.chance.choice(["pending", "failed", "succeeded"])})

    def plan(self) -> None:
        subscription = self.any_subscription()
        schedules = self.client.v1.subscription_schedules
        schedule = schedules.create({"from_subscription": subscription.id})
        now: Any = schedule.phases[0]
        running: Any = {
            "items": [{"price": now["items"][0].price, "quantity": now["items"][0].quantity}],
            "start_date": now.start_date,
            "end_date": now.end_date,
        }
        item: Any = {"price": self.chance.choice(self.prices).id}
        item["quantity"] = self.chance.randint(1, 25)
        after: Any = {"items": [item], "proration_behavior": "none"}
        after["billing_cycle_anchor"] = "phase_start"
        behavior: Any = self.chance.choice(["release", "cancel"])
        schedules.update(schedule.id, {"phases": [running, after], "end_behavior": behavior})

    def release(self) -> None:
        for schedule in self.client.v1.subscription_schedules.list({"limit": 1}).data:
            self.client.v1.subscription_schedules.release(schedule.id)

    def credit(self) -> None:
        kind = self.chance.choice(["refund_amount", "credit_amount"])
        for invoice in self.client.v1.invoices.list({"status": "paid", "limit": 1}).data:
            params: Any = {"invoice": str(invoice.id), "amount": 700, kind: 700}
            self.client.v1.credit_notes.create(params)

    def discount(self) -> None:
        params: Any = {"discounts": [{"coupon": self.chance.choice(self.coupons)}]}
        self.client.v1.subscriptions.update(self.any_subscription().id, params)

    def refund(self) -> None:
        charges = self.client.v1.charges.list({"limit": 100}).data
        if charges:
            params: Any = self.chance.choice([{}, {"amount": 500}])
            charge = self.chance.choice(charges)
            self.client.v1.refunds.create(params | {"charge": charge.id})

    def wait(self) -> None:
        self.shop.standin.advance(self.chance.choice([3600, DAY, 8 * DAY, 35 * DAY]))

    def pay_open_invoice(self) -> None:
        for invoice in self.client.v1.invoices.list({"status": "open", "limit": 1}).data:
            customer = str(invoice.customer)
            method = self.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
            self.client.v1.invoices.pay(str(invoice.id), {"payment_method": method.id})

    def delete_customer(self) -> None:
        if self.chance.random() < 0.2:
            self.client.v1.customers.delete(str(self.any_subscription().customer))


@pytest.mark.parametrize("seed", range(5))
def test_a_random_walk_meets_no_bug_and_the_books_balance(shop: Shop, seed: int) -> None:
    walk = Walk(shop, seed)

    for _ in range(STEPS):
        walk.step()
        shop.standin.take()

    invoices = list(shop.client.v1.invoices.list({"limit": 100}).auto_paging_iter())
    charges = list(shop.client.v1.charges.list({"limit": 100}).auto_paging_iter())
    refunds = list(shop.client.v1.refunds.list({"limit": 100}).auto_paging_iter())
    asked = sum(invoice.amount_paid for invoice in invoices)
    assert asked == sum(charge.amount_captured for charge in charges) > 0
    kept = sum(refund.amount for refund in refunds if refund.status != "failed")
    assert kept == sum(charge.amount_refunded for charge in charges)
