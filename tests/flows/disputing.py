"""Money that goes back by other hands: the Dashboard, the bank, the cardholder."""

from typing import Any

from django.core import mail

from billing.models import OwnerNotice, Payment
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


def refund(shop: Shop, payment: Payment, cents: int | None = None) -> dict[str, Any]:
    """As the owner does in the Dashboard."""
    amount = f"&amount={cents}" if cents else ""
    row: dict[str, Any] = shop.ask_stripe(
        "POST", "/v1/refunds", f"payment_intent={payment.stripe_id}{amount}"
    )
    return row


def notices() -> list[str]:
    return list(OwnerNotice.objects.filter(needs_him=True).values_list("text", flat=True))


def given_back() -> dict[str, int]:
    """Cents by payment."""
    return {one.stripe_id: one.refunded_cents for one in Payment.objects.all()}


def warn(shop: Shop, payment: Payment) -> None:
    shop.standin.control("POST", "early_fraud_warnings", {"payment_intent": payment.stripe_id})
    shop.settle()


def sent_to_customer() -> str:
    """All that was written to him, on one line."""
    sent = [one.body for one in mail.outbox if one.to == ["dev@company.example"]]
    return " ".join(" ".join(sent).split())
