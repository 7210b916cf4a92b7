"""Stripe's test cards (docs.stripe.com/testing) and what each of them does."""

import hashlib
from dataclasses import dataclass

GENERIC = "Your card was declined."


@dataclass(frozen=True)
class Card:
    number: str
    brand: str = "visa"
    declined: str = ""  # decline_code of every charge
    code: str = "card_declined"
    message: str = GENERIC
    # "once": a customer who is present must authenticate, later charges go through;
    # "always": every charge wants it.
    authentication: str = ""
    # Attaches and pays at the hosted page, and is declined whenever the customer is away. At
    # Stripe the first charge fails too; here the card serves to show a failed renewal.
    declined_later: bool = False
    # How a refund begins and goes on (docs.stripe.com/testing#refunds): "pending" succeeds an hour
    # later, "later" succeeds and fails an hour later.
    refunds: str = ""

    @property
    def last4(self) -> str:
        return self.number[-4:]

    @property
    def fingerprint(self) -> str:
        """The same for the same number, as Stripe's is."""
        return hashlib.sha256(self.number.encode()).hexdigest()[:16]


ALL = (
    Card("4242424242424242"),
    Card("4000056655665556"),
    Card("5555555555554444", "mastercard"),
    Card("378282246310005", "amex"),
    Card("4000000000000002", declined="generic_decline"),
    Card(
        "4000000000009995",
        declined="insufficient_funds",
        message="Your card has insufficient funds.",
    ),
    Card("4000000000009987", declined="lost_card"),
    Card("4000000000009979", declined="stolen_card"),
    Card(
        "4000000000000069",
        declined="expired_card",
        code="expired_card",
        message="Your card has expired.",
    ),
    Card(
        "4000000000000127",
        declined="incorrect_cvc",
        code="incorrect_cvc",
        message="Your card's security code is incorrect.",
    ),
    Card(
        "4000000000000119",
        declined="processing_error",
        code="processing_error",
        message="An error occurred while processing your card. Try again in a little bit.",
    ),
    Card("4000000000000341", declined="generic_decline", declined_later=True),
    Card("4000000000007726", refunds="pending"),
    Card("4000000000005126", refunds="later"),
    Card("4000002500003155", authentication="once"),
    Card("4000002760003184", authentication="always"),
)
BY_NUMBER = {card.number: card for card in ALL}
EXPIRED = BY_NUMBER["4000000000000069"]
# Payment methods that exist in every test account, for calls without a page.
NAMED = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_pendingRefund": "4000000000007726",
    "pm_card_refundFail": "4000000000005126",
    "pm_card_authenticationRequired": "4000002760003184",
}
