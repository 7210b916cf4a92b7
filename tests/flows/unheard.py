"""Business of which no webhook told."""

from billing.models import (
    Subscription,
)
from tests.cards import FAILS_AT_RENEWAL, GOOD
from tests.shop import Buyer, Shop


def lose_all(shop: Shop) -> None:
    """Every webhook that waits is lost."""
    shop.take()


def subscription_of(email: str) -> Subscription:
    return Subscription.objects.get(customer__contacts__email=email)


def path_of(email: str) -> str:
    return f"/v1/subscriptions/{subscription_of(email).stripe_id}"


def populate(shop: Shop) -> None:
    """Five customers; what happens to each while no webhook comes stands in `live_on`."""
    for name in ("renews", "cancels", "fails", "refunded", "disputed"):
        card = FAILS_AT_RENEWAL if name == "fails" else GOOD
        Buyer(shop, email=f"{name}@company.example").buy("pro_monthly", card=card)
    shop.settle()


def live_on(shop: Shop) -> None:
    """All that may happen at Stripe without us: no webhook arrives."""
    new = Buyer(shop, email="new@company.example")
    new.pay(new.press_buy("enterprise_monthly", quantity=2)["Location"])
    shop.ask_stripe("DELETE", path_of("cancels@company.example"))
    for name in ("refunded", "disputed"):
        intent = subscription_of(f"{name}@company.example").payments.get().stripe_id
        if name == "refunded":
            shop.ask_stripe("POST", "/v1/refunds", f"payment_intent={intent}")
        else:
            shop.standin.control("POST", "disputes", {"payment_intent": intent})
    lose_all(shop)
