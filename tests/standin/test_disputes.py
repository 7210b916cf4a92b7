"""Disputes, inquiries and early fraud warnings, as the bank decides them."""

from typing import Any

import pytest
import stripe

from .shop import DAY, Shop


def dispute(shop: Shop, intent: str, **fields: Any) -> str:
    """Open one through the control API; its id."""
    body = {"payment_intent": intent, "reason": "fraudulent", **fields}
    return str(shop.standin.control("POST", "disputes", body)["id"])


def paid_intent(shop: Shop, **fields: Any) -> str:
    return shop.intent_of(str(shop.buy(**fields).latest_invoice))


def types(shop: Shop) -> list[str]:
    return [delivery["type"] for delivery in shop.standin.take()]


def moved(found: stripe.Dispute) -> list[int]:
    return [transaction.amount for transaction in found.balance_transactions]


def test_a_dispute_takes_the_money_and_forbids_a_refund(shop: Shop) -> None:
    intent = paid_intent(shop)

    dispute_id = dispute(shop, intent)

    found = shop.client.v1.disputes.retrieve(dispute_id)
    listed = shop.client.v1.disputes.list({"payment_intent": intent}).data
    assert (found.status, found.amount, moved(found)) == ("needs_response", 9900, [-9900])
    assert [each.id for each in listed] == [dispute_id]
    assert found.evidence_details.due_by
    assert shop.client.v1.charges.retrieve(str(found.charge)).disputed
    assert types(shop) == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.client.v1.refunds.create({"payment_intent": intent})
    assert refused.value.code == "charge_disputed"


@pytest.mark.parametrize(
    ("outcome", "told", "balance"),
    [
        ("won", ["charge.dispute.funds_reinstated", "charge.dispute.closed"], [-9900, 9900]),
        ("lost", ["charge.dispute.closed"], [-9900]),
        ("prevented", ["charge.dispute.closed"], [-9900]),
    ],
)
def test_a_dispute_ends_as_the_bank_says(
    shop: Shop, outcome: str, told: list[str], balance: list[int]
) -> None:
    dispute_id = dispute(shop, paid_intent(shop))
    shop.standin.take()

    shop.standin.control("POST", f"disputes/{dispute_id}", {"outcome": outcome})

    found = shop.client.v1.disputes.retrieve(dispute_id)
    assert (found.status, moved(found)) == (outcome, balance)
    assert types(shop) == told
    assert found.is_charge_refundable == (outcome == "won")
    with pytest.raises(AssertionError, match="already"):
        shop.standin.control("POST", f"disputes/{dispute_id}", {"outcome": "won"})


def test_evidence_is_submitted_once_it_is_given(shop: Shop) -> None:
    dispute_id = dispute(shop, paid_intent(shop))

    draft = shop.client.v1.disputes.update(
        dispute_id, {"evidence": {"customer_name": "A"}, "submit": False}
    )
    sent = shop.client.v1.disputes.update(dispute_id, {"evidence": {"uncategorized_text": "used"}})

    assert (draft.status, draft.evidence_details.submission_count) == ("needs_response", 0)
    assert (sent.status, sent.evidence_details.submission_count) == ("under_review", 1)
    assert sent.evidence.customer_name == "A"
    assert types(shop).count("charge.dispute.updated") == 2


def test_a_dispute_that_is_closed_or_left_alone_is_lost(shop: Shop) -> None:
    first, second = dispute(shop, paid_intent(shop)), dispute(shop, paid_intent(shop))

    closed = shop.client.v1.disputes.close(first)
    shop.standin.advance(15 * DAY)

    late = shop.client.v1.disputes.retrieve(second)
    assert (closed.status, late.status, late.evidence_details.past_due) == ("lost", "lost", True)
    with pytest.raises(stripe.InvalidRequestError, match="can't be closed"):
        shop.client.v1.disputes.close(second)


def test_an_inquiry_moves_no_money_and_a_refund_settles_it(shop: Shop) -> None:
    intent = paid_intent(shop)
    dispute_id = dispute(shop, intent, status="warning_needs_response")

    inquiry = shop.client.v1.disputes.retrieve(dispute_id)
    shop.client.v1.refunds.create({"payment_intent": intent})

    assert (moved(inquiry), inquiry.is_charge_refundable) == ([], True)
    assert shop.client.v1.disputes.retrieve(dispute_id).status == "warning_closed"
    assert "charge.dispute.funds_withdrawn" not in types(shop)


def test_an_inquiry_may_become_a_dispute(shop: Shop) -> None:
    dispute_id = dispute(shop, paid_intent(shop), status="warning_needs_response")

    shop.standin.control("POST", f"disputes/{dispute_id}", {"outcome": "escalated"})

    found = shop.client.v1.disputes.retrieve(dispute_id)
    assert (found.status, moved(found)) == ("needs_response", [-9900])


def test_a_charge_that_was_refunded_can_be_disputed_all_the_same(shop: Shop) -> None:
    intent = paid_intent(shop)
    shop.client.v1.refunds.create({"payment_intent": intent})

    dispute_id = dispute(shop, intent)
    shop.standin.control("POST", f"disputes/{dispute_id}", {"outcome": "won"})

    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.client.v1.refunds.create({"payment_intent": intent})
    assert refused.value.code in ("charge_disputed", "charge_already_refunded")


def test_the_account_may_cancel_what_is_disputed(shop: Shop) -> None:
    shop.standin.control("POST", "webhooks", {"cancel_on_dispute": True})
    subscription = shop.buy()

    dispute(shop, shop.intent_of(str(subscription.latest_invoice)))

    ended = shop.subscription(subscription.id)
    assert ended.status == "canceled"
    assert ended.cancellation_details
    assert ended.cancellation_details.reason == "payment_disputed"


def test_a_status_of_a_newer_version_is_shown_and_marked(shop: Shop) -> None:
    dispute_id = dispute(shop, paid_intent(shop))
    shop.standin.take()

    newer = {"status_unchecked": "appeal_needs_response"}
    shop.standin.control("POST", f"disputes/{dispute_id}", newer)

    (delivery,) = shop.standin.take()
    assert delivery["headers"]["Standin-Unchecked"] == "true"
    assert '"appeal_needs_response"' in delivery["body"]
    found: Any = shop.client.v1.disputes.retrieve(dispute_id)
    assert found.status == "appeal_needs_response"


def test_a_fraud_warning_is_over_when_the_charge_is_refunded(shop: Shop) -> None:
    intent = paid_intent(shop)

    warning = shop.standin.control("POST", "early_fraud_warnings", {"payment_intent": intent})
    shop.client.v1.refunds.create({"payment_intent": intent})

    assert warning["actionable"]
    seen = types(shop)
    assert seen[0] == "radar.early_fraud_warning.created"
    assert seen[-1] == "radar.early_fraud_warning.updated"
