"""The parts of a story: buyers, Stripe's deliveries, the worker, and the clock."""

import logging
import re
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from time_machine import TimeMachineFixture

from billing.chores import NIGHTLY
from billing.models import Chore, Price
from billing.reconcile import Report, reconcile
from lib.times import from_unix
from portal.failing import Failing
from portal.management.commands.work import work_once
from tests.standin.process import StandIn

WEBHOOK = "/stripe/webhook/"


@dataclass
class Buyer:
    """One browser. `email` is what he types at the checkout."""

    shop: "Shop"
    email: str = "dev@company.example"
    client: Client = field(default_factory=Client)

    def press_buy(self, lookup_key: str, quantity: int = 1, nonce: str = "") -> HttpResponse:
        """POST /checkout/ with the form that the pricing page shows."""
        page = self.client.get("/pricing/").content.decode()
        found = re.search(rf'name="nonce" value="([^"]+)">\s*<input[^>]*value="{lookup_key}"', page)
        assert found, f"the pricing page sells no {lookup_key}"
        fields = {"nonce": nonce or found[1], "price": lookup_key, "quantity": quantity}
        return self.client.post("/checkout/", fields)

    def pay(self, checkout_url: str, **options: Any) -> str:
        """Fill in Stripe's page; the path and query of where it sends the buyer."""
        back = self.shop.standin.pay_checkout(checkout_url, email=self.email, **options)
        parts = urlsplit(back)
        return f"{parts.path}?{parts.query}"

    def buy(self, lookup_key: str, quantity: int = 1, **options: Any) -> HttpResponse:
        """All the way to the welcome page, without any webhook."""
        response = self.press_buy(lookup_key, quantity)
        assert response.status_code == 303, response.content.decode()[:500]
        return self.client.get(self.pay(response["Location"], **options))


class _Records(logging.Handler):
    """What was logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(f"{record.getMessage()}: {record.exc_info and record.exc_info[1]!r}")


@dataclass
class Shop:
    standin: StandIn
    clock: TimeMachineFixture

    @classmethod
    def open(cls, standin: StandIn, clock: TimeMachineFixture) -> "Shop":
        call_command("demo_catalog", verbosity=0, stdout=_Quiet())
        call_command("sync_catalog", stdout=_Quiet())
        for name in NIGHTLY:  # no night comes by itself: `shop.night()`
            Chore.objects.create(name=name, due_at=None)
        assert not Price.objects.filter(stripe_id="").exists()
        return cls(standin, clock)

    def deliver(self, **options: Any) -> list[int]:
        """Post what Stripe holds back to the webhook; the statuses it answered."""
        return [self.post(delivery) for delivery in self.take(**options)]

    def take(self, **options: Any) -> list[dict[str, Any]]:
        """What Stripe holds back, signed at our time."""
        return self.standin.take(**{"signed_at": int(time.time()), **options})

    def advance(self, **span: float) -> datetime:
        """Let time pass at Stripe and here; the new time."""
        now = from_unix(self.standin.advance(int(timedelta(**span).total_seconds())))
        self.clock.move_to(now)
        return now

    def settle(self) -> None:
        """Deliver and work until nothing is left to do."""
        while self.deliver():
            self.work()
        self.work()

    def stripe_counts(self) -> dict[str, int]:
        """How many objects of each kind Stripe has."""
        counts: dict[str, int] = self.standin.control("GET", "state")["counts"]
        return counts

    def fail_stripe(
        self, method: str, path: str, *, kind: str, when: str, times: int, skip: int = 0
    ) -> None:
        """Let *times* requests to this path fail, before or after they took effect; the first
        *skip* of them pass.
        """
        fault = {"method": method, "path": path, "kind": kind, "when": when, "times": times}
        self.standin.control("POST", "faults", {**fault, "skip": skip})

    def post(self, delivery: dict[str, Any]) -> int:
        headers = {"Stripe-Signature": delivery["headers"]["Stripe-Signature"]}
        response = Client().post(
            WEBHOOK, delivery["body"], content_type="application/json", headers=headers
        )
        return response.status_code

    def work(self) -> None:
        """Let the worker do all that is due. A duty that failed is tried again by the worker, and
        an error here.
        """
        failures = _Records()
        logger = logging.getLogger(Failing.__module__)
        logger.addHandler(failures)
        try:
            while work_once():
                pass
        finally:
            logger.removeHandler(failures)
        assert not failures.texts

    def night(self, **options: Any) -> Report:
        """What `work` does every night; then all that it found to do."""
        report = reconcile(timezone.now(), **options)
        self.work()
        return report

    def ask_stripe(self, method: str, path: str, form: str = "") -> Any:
        """Somebody else's request to Stripe: the Dashboard, another program."""
        headers = {"Authorization": "Bearer sk_test_somebody"}
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        answer = self.standin.request(method, path, form, headers)
        assert answer.status == 200, answer.text
        return answer.json()

    def newest_session(self) -> dict[str, Any]:
        session: dict[str, Any] = self.ask_stripe("GET", "/v1/checkout/sessions?limit=1")["data"][0]
        return session

    def sell_something_else(self) -> str:
        """A subscription of another product of the same Stripe account; its id."""
        self.ask_stripe("POST", "/v1/products", "id=mug&name=Mug")
        price = self.ask_stripe(
            "POST",
            "/v1/prices",
            "product=mug&currency=usd&unit_amount=500&recurring[interval]=month",
        )
        session = self.ask_stripe(
            "POST",
            "/v1/checkout/sessions",
            "mode=subscription&success_url=http://elsewhere.example/"
            f"&line_items[0][price]={price['id']}&line_items[0][quantity]=1",
        )
        self.standin.pay_checkout(session["url"])
        stripe_id: str = self.newest_session()["subscription"]
        return stripe_id


class _Quiet:
    def write(self, text: str) -> None:
        """Drop it."""


def session_id_of(path: str) -> str:
    return parse_qs(urlsplit(path).query)["session_id"][0]
