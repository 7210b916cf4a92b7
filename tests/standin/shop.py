"""A small shop on the stand-in: the calls that most tests begin with, through the real SDK."""

from dataclasses import dataclass
from typing import Any

import stripe

from tests.cards import GOOD

from .process import StandIn

DAY = 24 * 3600
TIERS = [
    {"up_to": 4, "unit_amount": 26900},
    {"up_to": 9, "unit_amount": 24900},
    {"up_to": 19, "unit_amount": 22900},
    {"up_to": "inf", "unit_amount": 21900},
]


@dataclass
class Shop:
    standin: StandIn
    client: stripe.StripeClient

    def pro(self, interval: str = "month", **fields: Any) -> stripe.Price:
        amount = {"month": 9900, "year": 99500}[interval]
        return self._price({"unit_amount": amount, "recurring": {"interval": interval}}, fields)

    def enterprise(self, interval: str = "month", **fields: Any) -> stripe.Price:
        tiers = {"billing_scheme": "tiered", "tiers_mode": "volume", "tiers": TIERS}
        return self._price(tiers | {"recurring": {"interval": interval}}, fields)

    def _price(self, params: dict[str, Any], fields: dict[str, Any]) -> stripe.Price:
        product = self.client.v1.products.create({"name": "Pro"})
        common: Any = {"product": product.id, "currency": "usd", "tax_behavior": "exclusive"}
        return self.client.v1.prices.create(common | params | fields)

    def session(
        self, price: stripe.Price, quantity: int = 1, **fields: Any
    ) -> stripe.checkout.Session:
        item = {"price": price.id, "quantity": quantity}
        params: Any = {
            "mode": "subscription",
            "success_url": "https://shop.example/welcome?id={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://shop.example/pricing",
            "payment_method_types": ["card"],
            "line_items": [item],
        }
        return self.client.v1.checkout.sessions.create(params | fields)

    def buy(
        self,
        price: stripe.Price | None = None,
        quantity: int = 1,
        card: str = GOOD,
        **fields: Any,
    ) -> stripe.Subscription:
        """A subscription that was paid on the hosted page; its events are forgotten."""
        session = self.session(price or self.pro(), quantity, **fields)
        self.standin.pay_checkout(session.url or "", card=card)
        self.standin.take()
        paid = self.client.v1.checkout.sessions.retrieve(session.id)
        return self.subscription(str(paid.subscription))

    def subscription(self, subscription_id: str) -> stripe.Subscription:
        return self.client.v1.subscriptions.retrieve(subscription_id)

    def invoices(self, subscription_id: str, **fields: Any) -> list[stripe.Invoice]:
        params: Any = {"subscription": subscription_id, **fields}
        return list(self.client.v1.invoices.list(params).data)

    def intent_of(self, invoice_id: str) -> str:
        payments = self.client.v1.invoice_payments.list({"invoice": invoice_id})
        return str(payments.data[0].payment.payment_intent)
