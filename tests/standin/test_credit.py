"""Credit notes, the customer's balance, and invoices made by hand."""

from typing import Any

import pytest
import stripe

from .shop import DAY, Shop


def test_a_credit_note_refunds_a_paid_invoice(shop: Shop) -> None:
    subscription = shop.buy()
    invoice = str(subscription.latest_invoice)

    note = shop.client.v1.credit_notes.create(
        {"invoice": invoice, "amount": 4000, "refund_amount": 4000, "reason": "order_change"}
    )

    found = shop.client.v1.invoices.retrieve(invoice)
    refund = shop.client.v1.refunds.list().data[0]
    assert (note.type, note.post_payment_amount, note.status) == ("post_payment", 4000, "issued")
    assert (note.refunds[0].refund, refund.amount) == (refund.id, 4000)
    assert (found.status, found.post_payment_credit_notes_amount) == ("paid", 4000)
    seen = [delivery["type"] for delivery in shop.standin.take()]
    assert {"credit_note.created", "refund.created", "charge.refunded"} <= set(seen)
    assert shop.client.v1.credit_notes.list({"invoice": invoice}).data[0].id == note.id


def test_a_credit_note_gives_tax_back_too(shop: Shop) -> None:
    shop.standin.control("POST", "tax", {"percent": 19})
    subscription = shop.buy(automatic_tax={"enabled": True})
    invoice = shop.client.v1.invoices.retrieve(str(subscription.latest_invoice))
    line: Any = {"type": "invoice_line_item", "invoice_line_item": invoice.lines.data[0].id}

    note = shop.client.v1.credit_notes.create(
        {"invoice": str(invoice.id), "lines": [line], "refund_amount": 11781}
    )

    assert (note.total, note.total_excluding_tax) == (11781, 9900)
    assert note.total_taxes
    assert note.total_taxes[0].amount == 1881


def test_credit_to_the_balance_pays_the_next_invoice(shop: Shop) -> None:
    subscription = shop.buy()
    customer = str(subscription.customer)

    shop.client.v1.credit_notes.create(
        {"invoice": str(subscription.latest_invoice), "amount": 5000, "credit_amount": 5000}
    )
    balance = shop.client.v1.customers.retrieve(customer).balance
    shop.standin.advance(32 * DAY)

    moves = shop.client.v1.customers.balance_transactions.list(customer).data
    renewed = shop.invoices(subscription.id)[0]
    assert balance == -5000
    assert [(move.type, move.amount) for move in moves] == [
        ("applied_to_invoice", 5000),
        ("credit_note", -5000),
    ]
    assert (renewed.total, renewed.amount_paid, renewed.starting_balance) == (9900, 4900, -5000)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"amount": 99999, "refund_amount": 99999}, "greater than"),
        ({"amount": 5000, "refund_amount": 4000}, "must equal"),
        ({"amount": 5000}, "must equal"),
        ({"refund_amount": 4000}, "exactly one"),
    ],
)
def test_a_credit_note_follows_stripes_rules(
    shop: Shop, params: dict[str, Any], words: str
) -> None:
    invoice = str(shop.buy().latest_invoice)
    wrong: Any = {"invoice": invoice, **params}

    with pytest.raises(stripe.InvalidRequestError, match=words):
        shop.client.v1.credit_notes.create(wrong)


def test_a_credit_note_before_payment_lowers_what_is_owed(shop: Shop) -> None:
    customer = shop.client.v1.customers.create({"email": "big@example.com"})
    subscription = shop.client.v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": shop.pro("year").id}],
            "collection_method": "send_invoice",
            "days_until_due": 30,
        }
    )
    shop.standin.advance(2 * 3600)
    invoice = str(subscription.latest_invoice)

    shop.client.v1.credit_notes.create({"invoice": invoice, "amount": 9500})
    less = shop.client.v1.invoices.retrieve(invoice)
    shop.client.v1.credit_notes.create({"invoice": invoice, "amount": 90000})

    assert (less.amount_due, less.status) == (90000, "open")
    assert shop.client.v1.invoices.retrieve(invoice).status == "paid"


def test_a_balance_is_adjusted_by_hand(shop: Shop) -> None:
    customer = shop.client.v1.customers.create({"email": "a@b.co"})

    moved = shop.client.v1.customers.balance_transactions.create(
        customer.id, {"amount": -500, "currency": "usd", "description": "sorry"}
    )

    assert (moved.type, moved.ending_balance) == ("adjustment", -500)
    assert shop.client.v1.customers.retrieve(customer.id).balance == -500


def test_a_draft_made_by_hand_can_be_deleted(shop: Shop) -> None:
    customer = shop.client.v1.customers.create({"email": "a@b.co"})

    draft = shop.client.v1.invoices.create({"customer": customer.id})
    gone = shop.client.v1.invoices.delete(str(draft.id))

    assert (draft.status, draft.billing_reason, draft.total) == ("draft", "manual", 0)
    assert gone.deleted
    with pytest.raises(stripe.InvalidRequestError, match="draft"):
        shop.client.v1.invoices.delete(str(shop.buy().latest_invoice))


def test_pending_prorations_are_billed_by_hand(shop: Shop) -> None:
    subscription = shop.buy(shop.enterprise(), 3)
    item = subscription["items"].data[0].id
    shop.client.v1.subscriptions.update(subscription.id, {"items": [{"id": item, "quantity": 4}]})

    draft = shop.client.v1.invoices.create({"subscription": subscription.id})
    paid = shop.client.v1.invoices.pay(str(draft.id))

    assert paid.status == "paid"
    assert paid.total == pytest.approx(26900, abs=5)
