"""Giving money back, and finding out whose it was."""

import pytest
import stripe

from tests.cards import REFUND_FAILS, REFUND_PENDS

from .shop import Shop


def test_a_full_refund_is_given_once(shop: Shop) -> None:
    subscription = shop.buy()
    intent = shop.intent_of(str(subscription.latest_invoice))

    refund = shop.client.v1.refunds.create(
        {"payment_intent": intent, "reason": "requested_by_customer", "metadata": {"why": "x"}}
    )

    assert (refund.amount, refund.status) == (9900, "succeeded")
    assert shop.client.v1.charges.retrieve(str(refund.charge)).refunded
    assert [d["type"] for d in shop.standin.take()] == ["refund.created", "charge.refunded"]
    with pytest.raises(stripe.InvalidRequestError) as second:
        shop.client.v1.refunds.create({"payment_intent": intent})
    assert second.value.code == "charge_already_refunded"
    assert shop.subscription(subscription.id).status == "active"


def test_refunds_in_parts_end_at_the_whole(shop: Shop) -> None:
    subscription = shop.buy()
    intent = shop.intent_of(str(subscription.latest_invoice))

    shop.client.v1.refunds.create({"payment_intent": intent, "amount": 4000})
    with pytest.raises(stripe.InvalidRequestError, match=r"\$60\.00.*\$59\.00"):
        shop.client.v1.refunds.create({"payment_intent": intent, "amount": 6000})
    rest = shop.client.v1.refunds.create({"payment_intent": intent})

    charge = shop.client.v1.charges.retrieve(str(rest.charge), {"expand": ["refunds"]})
    assert rest.amount == 5900
    assert (charge.amount_refunded, charge.refunded) == (9900, True)
    assert len(charge.refunds.data if charge.refunds else []) == 2


def test_a_payment_is_traced_to_its_invoice(shop: Shop) -> None:
    subscription = shop.buy()
    intent = shop.intent_of(str(subscription.latest_invoice))

    found = shop.client.v1.invoice_payments.list(
        {"payment": {"type": "payment_intent", "payment_intent": intent}}
    )

    assert [payment.invoice for payment in found.data] == [subscription.latest_invoice]


def types(shop: Shop) -> list[str]:
    return [delivery["type"] for delivery in shop.standin.take()]


def test_a_refund_may_wait_and_then_succeed_or_fail(shop: Shop) -> None:
    intent = shop.intent_of(str(shop.buy().latest_invoice))
    shop.standin.control("POST", "refunds", {"next": "pending", "times": 2})

    first = shop.client.v1.refunds.create({"payment_intent": intent, "amount": 4000})
    second = shop.client.v1.refunds.create({"payment_intent": intent, "amount": 5000})
    shop.standin.control("POST", f"refunds/{first.id}", {"status": "succeeded"})
    failed = {"status": "failed", "failure_reason": "expired_or_canceled_card"}
    shop.standin.control("POST", f"refunds/{second.id}", failed)

    charge = shop.client.v1.charges.retrieve(str(first.charge))
    after = shop.client.v1.refunds.retrieve(second.id)
    assert (first.status, first.pending_reason) == ("pending", "processing")
    assert (after.status, after.failure_reason) == ("failed", "expired_or_canceled_card")
    assert (charge.amount_refunded, charge.refunded) == (4000, False)
    assert types(shop)[-3:] == ["refund.updated", "refund.failed", "charge.updated"]
    again = shop.client.v1.refunds.create({"payment_intent": intent})
    assert (again.amount, again.status) == (5900, "succeeded")


def test_a_refund_may_fail_at_once(shop: Shop) -> None:
    intent = shop.intent_of(str(shop.buy().latest_invoice))
    shop.standin.control("POST", "refunds", {"next": "failed"})

    refund = shop.client.v1.refunds.create({"payment_intent": intent})

    charge = shop.client.v1.charges.retrieve(str(refund.charge))
    assert (refund.status, charge.amount_refunded) == ("failed", 0)
    assert refund.failure_balance_transaction


@pytest.mark.parametrize(
    ("card", "begins", "ends", "left"),
    [
        (REFUND_PENDS, "pending", "succeeded", 9900),
        (REFUND_FAILS, "succeeded", "failed", 0),
    ],
)
def test_two_cards_have_refunds_of_their_own(
    shop: Shop, card: str, begins: str, ends: str, left: int
) -> None:
    intent = shop.intent_of(str(shop.buy(card=card).latest_invoice))

    refund = shop.client.v1.refunds.create({"payment_intent": intent})
    shop.standin.advance(2 * 3600)

    charge = shop.client.v1.charges.retrieve(str(refund.charge))
    assert refund.status == begins
    assert shop.client.v1.refunds.retrieve(refund.id).status == ends
    assert charge.amount_refunded == left
