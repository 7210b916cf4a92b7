"""Disputes at the bank, and how they are decided."""

from billing.models import Payment
from licenses.models import License
from tests.shop import Shop


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
