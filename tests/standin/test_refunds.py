"""Giving money back, and finding out whose it was."""

import pytest
import stripe

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
