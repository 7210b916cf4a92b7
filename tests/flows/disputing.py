"""Disputes at the bank, and how they are decided."""

import pytest

from billing.models import Payment
from licenses.models import License
from tests.shop import Buyer, Shop


@pytest.fixture
def payment(shop: Shop) -> Payment:
    """Somebody bought Pro, and all is settled."""
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    return Payment.objects.get()


def status() -> str:
    return License.objects.get().status


def dispute(shop: Shop, payment: Payment, status: str = "needs_response") -> str:
    row = shop.standin.control(
        "POST", "disputes", {"payment_intent": payment.stripe_id, "status": status}
    )
    shop.settle()
    return str(row["id"])


def decide(shop: Shop, dispute_id: str, outcome: str) -> None:
    shop.standin.control("POST", f"disputes/{dispute_id}", {"outcome": outcome})
    shop.settle()
