"""The parts of a story: buyers, Stripe's deliveries, the worker, and the clock."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client

from billing.models import Price
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


@dataclass
class Shop:
    standin: StandIn

    @classmethod
    def open(cls, standin: StandIn) -> "Shop":
        call_command("demo_catalog", verbosity=0, stdout=_Quiet())
        call_command("sync_catalog", stdout=_Quiet())
        assert not Price.objects.filter(stripe_id="").exists()
        return cls(standin)

    def deliver(self, **options: Any) -> list[int]:
        """Post what Stripe holds back to the webhook; the statuses it answered."""
        return [self.post(delivery) for delivery in self.standin.take(**options)]

    def post(self, delivery: dict[str, Any]) -> int:
        headers = {"Stripe-Signature": delivery["headers"]["Stripe-Signature"]}
        response = Client().post(
            WEBHOOK, delivery["body"], content_type="application/json", headers=headers
        )
        return response.status_code

    def work(self) -> None:
        """Let the worker do all that is due."""
        while work_once():
            pass


class _Quiet:
    def write(self, text: str) -> None:
        """Drop it."""


def session_id_of(path: str) -> str:
    return parse_qs(urlsplit(path).query)["session_id"][0]
