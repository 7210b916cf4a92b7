"""Contracts by invoice: agreed on, paid, and looked at."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from billing.contracts import make_invoice_contract
from billing.models import Price
from tests.make import make_customer
from tests.shop import Shop


def agree(lookup_key: str = "enterprise_yearly", quantity: int = 10, **fields: Any):
    price = Price.objects.get(lookup_key=lookup_key)
    customer = fields.pop("customer", None) or make_customer("boss@big.example")
    return make_invoice_contract(
        customer=customer, price=price, quantity=quantity, at=timezone.now(), **fields
    )


def remote(shop: Shop) -> dict[str, Any]:
    (one,) = shop.ask_stripe("GET", "/v1/subscriptions?status=all")["data"]
    return one


def pay(shop: Shop) -> None:
    """Their bookkeeping pays by card on the invoice's page."""
    customer = remote(shop)["customer"]
    method = shop.ask_stripe(
        "POST", "/v1/payment_methods/pm_card_visa/attach", f"customer={customer}"
    )
    invoice = shop.ask_stripe("GET", "/v1/invoices?status=open")["data"][0]
    shop.ask_stripe("POST", f"/v1/invoices/{invoice['id']}/pay", f"payment_method={method['id']}")
    shop.settle()


def advance_days(shop: Shop, days: int) -> datetime:
    for _ in range(days):
        shop.advance(days=1)
        shop.settle()
    return timezone.now()
