"""Random walks through the lives of subscriptions, shrunk by hypothesis when they end wrong.

A walk is any sequence of what buyers, banks, the owner, time and bad luck may do. Whatever it was:
once everything was delivered or asked for, the books agree (tests/flows/books.py), and by the clock
nobody who pays is without his license, and nobody who does not pay has one for longer than the
grace. What should be is told a second time in tests/flows/walks_oracle.py.
"""

import json
import random
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.core import mail
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.test.utils import override_settings
from django.utils import timezone
from hypothesis.stateful import precondition

from billing.carts import Click, open_cart
from billing.checkout import NotForSale, _open_session
from billing.dirty import is_waiting
from billing.models import Price, Subscription
from billing.reconcile import ask_for_events, reconcile
from billing.stripe_api import StripeRefused, StripeUnavailable
from lib.times import from_unix, from_unix_or_none
from licenses.models import License, User
from licenses.people import addresses_of
from outbox.claims import LEASE
from portal.management.commands.work import work_once
from tests.cards import FAILS_AT_RENEWAL, GOOD
from tests.flows.books import books_agree
from tests.flows.schedules import at_border
from tests.flows.walks_at_stripe import WHICH, AtStripe
from tests.flows.walks_oracle import Truth, a_click_is_one_page, nothing_is_told_that_was_not
from tests.flows.walks_steps import first, step
from tests.shop import Buyer, Shop
from tests.standin.process import NotPaidError

MONTHLY, YEARLY = ["pro_monthly", "enterprise_monthly"], ["pro_yearly", "enterprise_yearly"]
PRICES = [*MONTHLY, *MONTHLY, *YEARLY]
CARDS = [GOOD, FAILS_AT_RENEWAL, FAILS_AT_RENEWAL]
CODES = ["", "", "", "", "FIFTH", "FREE", "FIRST"]
AGES = [0, 33, 33, 36, 60]  # a renewal fails on day 31, and twice until day 36
ENDINGS = ["canceled", "unpaid", "past_due"]
HONEST = {200, 302, 303, 404, 409, 503}  # what a page may answer while Stripe fails


class Walk(AtStripe):
    """One shop from its opening to its end. `open_shop` is set by whoever runs walks."""

    open_shop: Callable[[], Shop]

    def __init__(self) -> None:
        super().__init__()
        cache.clear()
        mail.outbox = []
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.settings = override_settings(ALLOW_PROMOTION_CODES=True)
        self.settings.enable()
        self.shop = type(self).open_shop()
        self.make_codes()
        self.has_left = False
        self.buyers = 0
        self.pages = 0  # that were drawn: each has a nonce of its own
        self.closed = self.overtaken = 0
        self.pressed: set[str] = set()  # subscriptions whose guarantee was
        self.happened: dict[str, dict[str, Any]] = {}  # Stripe lists its events for 30 days only

    def teardown(self) -> None:
        try:
            self.all_is_delivered()
        finally:
            self.leave()

    def leave(self) -> None:
        """Nothing is left of it; again is nothing."""
        if not self.has_left:
            self.has_left = True
            self.settings.disable()
            transaction.set_rollback(True)
            self.transaction.__exit__(None, None, None)

    # Buyers

    @first(price=PRICES, card=CARDS, code=CODES, ending=ENDINGS, days=AGES)
    def the_first_buys(self, price: str, card: str, code: str, ending: str, days: int) -> None:
        """Days ago; his renewal may have failed since."""
        self.shop.standin.control("POST", "settings", {"retries_exhausted": ending})
        self.buys(price, 1, card, code)
        self.events_come(0, 0)
        self.shop.work()
        self.shop.advance(days=days)

    @precondition(lambda self: self.buyers < 3)
    @step(2, price=PRICES, quantity=range(1, 4), card=CARDS, code=CODES)
    def buys(self, price: str, quantity: int, card: str, code: str) -> None:
        self.buyers += 1
        buyer = Buyer(self.shop, email=f"b{self.buyers}@company.example")
        form = {
            "nonce": self.nonce(),
            "price": price,
            "quantity": quantity if price.startswith("enterprise") else 1,
        }
        asked = buyer.client.post("/checkout/", form)
        for _ in range(2):  # Stripe does not answer: he presses again
            if asked.status_code == 503:
                asked = buyer.client.post("/checkout/", form)
        if asked.status_code == 303:
            self.pays(buyer, asked["Location"], card=card, code=code)
        else:
            assert asked.status_code in HONEST

    @step(3, which=WHICH, price=PRICES, code=CODES, is_at_once=[True, False])
    def buys_again(self, which: int, price: str, code: str, is_at_once: bool) -> None:
        """As who may not, or in a page that another process opened before it heard of the first."""
        if row := self.row(which):
            buyer = Buyer(self.shop, client=self.signed_in(row) or Client())
            url = ""
            if not is_at_once:
                form = {"nonce": self.nonce(), "price": price, "quantity": 1}
                url = buyer.client.post("/checkout/", form).headers.get("Location", "")
            else:
                click = Click(self.nonce(), Price.objects.get(lookup_key=price), 1)
                with suppress(StripeUnavailable, StripeRefused, NotForSale):
                    cart = open_cart(click, customer=row.customer, at=timezone.now())
                    url = _open_session(cart)
            if "/c/pay/" in url:
                self.pays(buyer, url, code=code)

    def pays(self, buyer: Buyer, url: str, **options: str) -> None:
        with suppress(NotPaidError):  # archived, or deleted, since the page was opened
            buyer.pay(url, **options)

    def nonce(self) -> str:
        self.pages += 1
        return f"{self.pages:032}"

    @step(2, which=WHICH, price=PRICES, quantity=range(1, 5))
    def changes(self, which: int, price: str, quantity: int) -> None:
        form = {"price": price, "quantity": quantity if price.startswith("enterprise") else 1}
        page = self.asks(which, "get", "change", form)
        if sealed := re.search(r'name="change" value="([^"]+)"', page):
            self.asks(which, "post", "change", {"change": sealed[1]})

    @step(4, which=WHICH, deed=["cancel", "cancel", "resume", "keep", "refund"])
    def presses(self, which: int, deed: str) -> None:
        self.asks(which, "post", deed)

    def asks(self, which: int, method: str, deed: str, form: dict[str, Any] | None = None) -> str:
        row = self.row(which)
        client = self.signed_in(row) if row else None
        if row is None or client is None:
            return ""
        if deed == "refund":
            self.pressed.add(row.stripe_id)
        path = f"/account/subscriptions/{row.pk}/{deed}/"
        response = getattr(client, method)(path, form or {})
        assert response.status_code in HONEST, (path, response.status_code)
        return response.content.decode() if response.status_code == 200 else ""

    @precondition(lambda self: self.closed < 2)
    @step(which=WHICH)
    def closes_his_account(self, which: int) -> None:
        """Then nothing of his renews, but by somebody's hand in the Dashboard."""
        row = self.row(which)
        client = self.signed_in(row) if row else None
        if row is None or client is None:
            return
        response = client.post(f"/account/{row.customer_id}/close/", {"sure": "yes"})
        assert response.status_code in HONEST, response.status_code
        if response["Location"] == "/":
            self.closed += 1
            theirs = {one["id"]: one for one in self.all_of("/v1/subscriptions")}
            for mine in Subscription.objects.filter(customer=row.customer_id):
                one = theirs.get(mine.stripe_id)
                assert one is None or one["cancel_at"], one

    def row(self, which: int) -> Subscription | None:
        rows = list(Subscription.objects.select_related("customer").order_by("stripe_id"))
        return rows[which % len(rows)] if rows else None

    def signed_in(self, row: Subscription) -> Client | None:
        """None for whoever has closed his account."""
        if not (addresses := addresses_of(row.customer_id)):
            return None
        client = Client()
        client.force_login(User.objects.get(email=addresses[0]))
        return client

    # Time, and what goes wrong

    @step(6, hours=[1, 30, 24 * 9, 24 * 22, 24 * 32])
    def time_passes(self, hours: int) -> None:
        self.shop.advance(hours=hours)

    @step(4, which=WHICH, hours=[-20, -1, 0, 1, 2])
    def a_period_ends(self, which: int, hours: int) -> None:
        """Or is about to, or has just ended: a renewal is a draft for an hour."""
        if row := self.one_of("/v1/subscriptions", which):
            end = from_unix(row["items"]["data"][0]["current_period_end"])
            seconds = (end - timezone.now()).total_seconds() + hours * 3600
            if 0 <= seconds <= 40 * 24 * 3600:
                self.shop.advance(seconds=seconds + 1)

    @step(5, seed=range(10), lost=[0, 0, 0.3, 1])
    def events_come(self, seed: int, lost: float) -> None:
        """In any order, some of them twice, some of them never."""
        chance = random.Random(seed)
        taken = self.shop.take(order="shuffled", seed=seed)
        for event in (json.loads(delivery["body"]) for delivery in taken):
            self.happened[event["id"]] = event
        arriving = [one for one in taken if chance.random() >= lost]
        for delivery in arriving + [one for one in arriving if chance.random() < 0.2]:
            assert self.shop.post(delivery) == 200

    @step(
        2,
        kind=["500", "429", "reset"],
        when=["before", "after"],
        path=["/v1/", "/v1/subscriptions", "/v1/refunds", "/v1/invoices"],
        times=range(1, 7),
    )
    def stripe_fails(self, kind: str, when: str, path: str, times: int) -> None:
        when = "before" if kind == "429" else when
        for method in ("GET", "POST", "DELETE"):
            self.shop.fail_stripe(method, path, kind=kind, when=when, times=times)

    @step(5)
    def the_worker_works(self) -> None:
        self.shop.work()

    @step(2, between=[2, 2, 3, 4, 6])
    def a_worker_is_overtaken(self, between: int) -> None:
        """It has Stripe's answer and writes it late: meanwhile all changed, and was agreed on."""
        told: set[str] = set()

        def meanwhile() -> None:
            for row in self.all_of("/v1/subscriptions"):
                form = f"cancel_at_period_end={'false' if row['cancel_at'] else 'true'}"
                if self.tries("POST", f"/v1/subscriptions/{row['id']}", form):
                    told.add(row["id"])
            self.events_come(0, 0)
            self.shop.advance(seconds=LEASE.total_seconds() + 1)
            work_once()

        self.shop.standin.control("DELETE", "faults")
        self.overtaken += 1
        for row in self.all_of("/v1/subscriptions"):  # so that there is work
            form = f"metadata[looked_at]={self.overtaken}"
            self.tries("POST", f"/v1/subscriptions/{row['id']}", form)
        self.events_come(0, 0)
        with at_border(between, meanwhile):
            work_once()
        # At once: whatever comes later about the same one would put it right.
        for row in Subscription.objects.filter(stripe_id__in=told):
            now = self.tries("GET", f"/v1/subscriptions/{row.stripe_id}")
            is_same = row.cancel_at == from_unix_or_none(now["cancel_at"])
            assert is_same or is_waiting(row.stripe_id), row

    # What must hold

    @step()
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
        a_click_is_one_page(self.shop)
        truth = Truth(self.shop)
        self.rights_follow_the_clock(truth)
        truth.each_has_one()
        truth.what_is_owed_went_back()
        truth.nothing_is_given_away(self.pressed)
        nothing_is_told_that_was_not(list(self.happened.values()))

    def rights_follow_the_clock(self, truth: Truth) -> None:
        for subscription, row in truth.subscriptions.items():
            licenses = License.objects.filter(source=f"stripe:{subscription}")
            status = licenses.values_list("status", flat=True).first()
            should = truth.should_be_served(subscription, timezone.now())
            assert should in {None, status == License.Status.ACTIVE}, (row, status, should)
