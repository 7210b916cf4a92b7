"""Random walks through the lives of subscriptions, shrunk by hypothesis when they end wrong.

A walk is any sequence of what buyers, banks, the owner, time and bad luck may do. Whatever it was:
once everything was delivered or asked for, the books agree (tests/flows/books.py), and by the clock
nobody who pays is without his license, and nobody who does not pay has one for longer than the
grace. What the license should be is told here a second time, from Stripe's objects alone.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.core import mail
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from billing.models import GuaranteeRefund, Subscription
from billing.reconcile import ask_for_events, reconcile
from lib.times import from_unix
from licenses.models import User
from licenses.people import addresses_of
from outbox.claims import LEASE
from outbox.models import Mail
from portal.management.commands.work import work_once
from tests.flows.books import books_agree, pages
from tests.flows.schedules import at_border
from tests.shop import Buyer, Shop

PRICES = st.sampled_from(
    ["pro_monthly", "pro_yearly", "enterprise_monthly", "enterprise_monthly", "enterprise_yearly"]
)
CARDS = st.sampled_from(["4242424242424242", "4000000000000341"])
WHICH = st.integers(0, 5)
GRACE = timedelta(days=21)  # as the rules of the business say, not as the code has it
HONEST = {200, 302, 303, 404, 409, 503}  # what a page may answer while Stripe fails


class Walk(RuleBasedStateMachine):
    """One shop from its opening to its end. `open_shop` is set by whoever runs walks."""

    open_shop: Callable[[], Shop]

    def __init__(self) -> None:
        super().__init__()
        cache.clear()
        mail.outbox = []
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.shop = type(self).open_shop()
        self.buyers = 0
        self.happened: dict[str, dict[str, Any]] = {}  # Stripe lists its events for 30 days only

    def teardown(self) -> None:
        try:
            self.all_is_delivered()
        finally:
            transaction.set_rollback(True)
            self.transaction.__exit__(None, None, None)

    # Buyers

    @initialize(price=PRICES, card=CARDS)
    def the_first_buys(self, price: str, card: str) -> None:
        self.buys(price, 1, card)

    @precondition(lambda self: self.buyers < 3)
    @rule(price=PRICES, quantity=st.integers(1, 3), card=CARDS)
    def buys(self, price: str, quantity: int, card: str) -> None:
        self.buyers += 1
        buyer = Buyer(self.shop, email=f"b{self.buyers}@company.example")
        form = {
            "nonce": f"{self.buyers:032}",
            "price": price,
            "quantity": quantity if price.startswith("enterprise") else 1,
        }
        asked = buyer.client.post("/checkout/", form)
        for _ in range(2):  # Stripe does not answer: he presses again
            if asked.status_code == 503:
                asked = buyer.client.post("/checkout/", form)
        if asked.status_code == 303:
            buyer.pay(asked["Location"], card=card)
        else:
            assert asked.status_code in HONEST

    @rule(which=WHICH, price=PRICES, quantity=st.integers(1, 4))
    def changes(self, which: int, price: str, quantity: int) -> None:
        form = {"price": price, "quantity": quantity if price.startswith("enterprise") else 1}
        page = self.asks(which, "get", "change", form)
        if sealed := re.search(r'name="change" value="([^"]+)"', page):
            self.asks(which, "post", "change", {"change": sealed[1]})

    @rule(which=WHICH, deed=st.sampled_from(["cancel", "cancel", "resume", "keep", "refund"]))
    def presses(self, which: int, deed: str) -> None:
        self.asks(which, "post", deed)

    def asks(self, which: int, method: str, deed: str, form: dict[str, Any] | None = None) -> str:
        rows = list(Subscription.objects.order_by("stripe_id"))
        if not rows:
            return ""
        row = rows[which % len(rows)]
        client = Client()
        client.force_login(User.objects.get(email=addresses_of(row.customer_id)[0]))
        path = f"/account/subscriptions/{row.pk}/{deed}/"
        response = getattr(client, method)(path, form or {})
        assert response.status_code in HONEST, (path, response.status_code)
        return response.content.decode() if response.status_code == 200 else ""

    # The owner in Stripe's Dashboard, and the banks

    @rule(which=WHICH, form=st.sampled_from(["cancel_at_period_end=true", "quantity", ""]))
    def edited_at_stripe(self, which: int, form: str) -> None:
        if row := self.one_of("/v1/subscriptions", which):
            path = f"/v1/subscriptions/{row['id']}"
            item = row["items"]["data"][0]
            if form == "quantity":
                form = f"items[0][id]={item['id']}&items[0][quantity]={item['quantity'] + 1}"
            with suppress(AssertionError, OSError):  # a schedule holds it, it has ended, a fault
                self.shop.ask_stripe("POST" if form else "DELETE", path, form)

    @rule(which=WHICH, amount=st.sampled_from(["", "&amount=500"]))
    def refunded_at_stripe(self, which: int, amount: str) -> None:
        if row := self.one_of("/v1/charges", which):
            form = f"payment_intent={row['payment_intent']}{amount}"
            with suppress(AssertionError, OSError):  # refunded, disputed, never paid, a fault
                self.shop.ask_stripe("POST", "/v1/refunds", form)

    @rule(which=WHICH, outcome=st.sampled_from([None, "won", "lost"]))
    def disputed(self, which: int, outcome: str | None) -> None:
        if row := self.one_of("/v1/charges", which):
            with suppress(AssertionError, OSError):
                asked = {"payment_intent": row["payment_intent"]}
                dispute = self.shop.standin.control("POST", "disputes", asked)
                if outcome:
                    path = f"disputes/{dispute['id']}"
                    self.shop.standin.control("POST", path, {"outcome": outcome})

    def one_of(self, path: str, which: int) -> dict[str, Any]:
        with suppress(AssertionError, OSError):  # a fault meets whoever comes next
            rows: list[dict[str, Any]] = self.shop.ask_stripe("GET", f"{path}?limit=100")["data"]
            return rows[which % len(rows)] if rows else {}
        return {}

    # Time, and what goes wrong

    @rule(hours=st.sampled_from([1, 30, 24 * 9, 24 * 22, 24 * 32]))
    def time_passes(self, hours: int) -> None:
        self.shop.advance(hours=hours)

    @rule(seed=st.integers(0, 9), lost=st.sampled_from([0, 0, 0.3, 1]))
    def events_come(self, seed: int, lost: float) -> None:
        """In any order, some of them twice, some of them never."""
        chance = random.Random(seed)
        taken = self.shop.take(order="shuffled", seed=seed)
        for event in (json.loads(delivery["body"]) for delivery in taken):
            self.happened[event["id"]] = event
        arriving = [one for one in taken if chance.random() >= lost]
        for delivery in arriving + [one for one in arriving if chance.random() < 0.2]:
            assert self.shop.post(delivery) == 200

    @rule(
        kind=st.sampled_from(["500", "429", "reset"]),
        when=st.sampled_from(["before", "after"]),
        path=st.sampled_from(["/v1/", "/v1/subscriptions", "/v1/refunds", "/v1/invoices"]),
        times=st.integers(1, 6),
    )
    def stripe_fails(self, kind: str, when: str, path: str, times: int) -> None:
        when = "before" if kind == "429" else when
        for method in ("GET", "POST", "DELETE"):
            self.shop.fail_stripe(method, path, kind=kind, when=when, times=times)

    @rule()
    def the_worker_works(self) -> None:
        self.shop.work()

    @rule(between=st.sampled_from([2, 2, 3, 4, 6]), form=st.sampled_from(["true", "false"]))
    def a_worker_is_overtaken(self, between: int, form: str) -> None:
        """It has Stripe's answer and writes it late: meanwhile all changed, and was agreed on."""

        def meanwhile() -> None:
            for row in pages(self.shop, "/v1/subscriptions"):
                with suppress(AssertionError):
                    path = f"/v1/subscriptions/{row['id']}"
                    self.shop.ask_stripe("POST", path, f"cancel_at_period_end={form}")
            self.events_come(0, 0)
            self.shop.advance(seconds=LEASE.total_seconds() + 1)
            work_once()

        self.shop.standin.control("DELETE", "faults")
        self.events_come(0, 0)
        with at_border(between, meanwhile):
            work_once()

    # What must hold

    @rule()
    def all_is_delivered(self) -> None:
        self.shop.standin.control("DELETE", "faults")
        self.events_come(0, 0)
        for _ in range(3):  # what was tried and failed is due again by then
            self.shop.advance(hours=2)
            self.events_come(0, 0)
            ask_for_events(timezone.now())
            self.shop.work()
        reconcile(timezone.now(), events=False)
        self.shop.work()
        report = reconcile(timezone.now(), events=False)
        assert not report.drift, report.drift
        assert not report.needs_him, report.needs_him
        books_agree(self.shop)
        self.a_click_is_one_page()
        self.rights_follow_the_clock()
        self.nothing_is_given_away()
        self.nothing_is_told_that_was_not()

    def a_click_is_one_page(self) -> None:
        """However often it was pressed, and whatever answers were lost."""
        sessions = pages(self.shop, "/v1/checkout/sessions")
        by_cart = Counter(one["client_reference_id"] for one in sessions)
        assert max(by_cart.values(), default=1) == 1, by_cart

    def rights_follow_the_clock(self) -> None:
        theirs = {row["id"]: row for row in pages(self.shop, "/v1/subscriptions?status=all")}
        for ours in Subscription.objects.exclude(license=None).select_related("license"):
            assert ours.license is not None
            is_served = ours.license.status == "active"
            should = self.should_be_served(ours, theirs[ours.stripe_id])
            assert should is None or is_served == should, (ours, ours.license.status, should)

    def nothing_is_given_away(self) -> None:
        """We give back what the guarantee and a second subscription ask for, and nothing else."""
        refunds = pages(self.shop, "/v1/refunds")
        ours = {one["metadata"]["cause"] for one in refunds if one["metadata"].get("cause")}
        assert ours <= {"guarantee", "duplicate", "paid after the end"}, ours

    def nothing_is_told_that_was_not(self) -> None:
        """No more mails of a cancellation, or of one day of a failed payment, than there were."""
        turned: Counter[str] = Counter()
        for event in self.events("customer.subscription.updated"):
            changed = event["data"].get("previous_attributes") or {}
            if "cancel_at" in changed and changed["cancel_at"] is None:
                turned[event["data"]["object"]["id"]] += 1
        self.told_at_most(turned, self.mails("canceled:"))
        failed = {
            (invoice["parent"]["subscription_details"]["subscription"], invoice["id"])
            for invoice in (e["data"]["object"] for e in self.events("invoice.payment_failed"))
            if invoice["parent"]
        }
        invoices = Counter(subscription for subscription, _ in failed)
        for day in ("0", "3", "7", "14", "20"):
            told = [key for key in self.mails("payment-failed:") if key.split(":")[3] == day]
            self.told_at_most(invoices, told)

    def events(self, type: str) -> list[dict[str, Any]]:
        return [event for event in self.happened.values() if event["type"] == type]

    def mails(self, prefix: str) -> list[str]:
        return list(Mail.objects.filter(key__startswith=prefix).values_list("key", flat=True))

    def told_at_most(self, facts: Counter[str], keys: list[str]) -> None:
        """Keys have the subscription in their second place."""
        told = Counter(key.split(":")[1] for key in keys)
        assert all(number <= facts[one] for one, number in told.items()), (told, facts, keys)

    def should_be_served(self, ours: Subscription, theirs: dict[str, Any]) -> bool | None:
        """None where a day, or the order of two events, makes the difference."""
        if GuaranteeRefund.objects.filter(subscription=ours).exists() or self.is_held(ours):
            return False
        charges = self.charges_of(ours)
        if any(charge["refunded"] for charge in charges):
            all_back = all(charge["refunded"] for charge in charges)
            return False if all_back else None
        if theirs["status"] == "past_due":
            invoice = self.shop.ask_stripe("GET", f"/v1/invoices/{theirs['latest_invoice']}")
            unpaid_for = timezone.now() - from_unix(invoice["created"])
            near = abs(unpaid_for - GRACE) <= timedelta(days=1)
            return None if near else unpaid_for < GRACE
        return bool(theirs["status"] == "active")

    def charges_of(self, ours: Subscription) -> list[dict[str, Any]]:
        paid = set(ours.payments.values_list("stripe_id", flat=True))
        charges = pages(self.shop, "/v1/charges")
        return [charge for charge in charges if charge["payment_intent"] in paid]

    def is_held(self, ours: Subscription) -> bool:
        """Whether a bank holds or took a payment; told by Stripe's disputes, not by our rows."""
        paid = set(ours.payments.values_list("stripe_id", flat=True))
        disputes = pages(self.shop, "/v1/disputes")
        theirs = [one["status"] for one in disputes if one["payment_intent"] in paid]
        return bool({"needs_response", "under_review", "lost"} & set(theirs))
