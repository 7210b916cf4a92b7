"""Rows are found where their values point: what a look-up costs does not grow with the years."""

from stripe_standin.index import Index, value_at

PAYMENT = {
    "object": "invoice_payment",
    "status": "open",
    "payment": {"type": "payment_intent", "payment_intent": "pi_1"},
}


def look(index: Index, **fields: str) -> list[str] | None:
    found = index.candidates("objects", fields)
    return None if found is None else list(found)


def test_a_payment_is_found_by_its_intent_among_many():
    index = Index()
    for number in range(100):
        payment = {"type": "payment_intent", "payment_intent": f"pi_{number}"}
        index.replace("objects", f"inpay_{number}", None, {**PAYMENT, "payment": payment})

    of_intent = {"payment.payment_intent": "pi_7"}
    assert look(index, object="invoice_payment", **of_intent) == ["inpay_7"]
    assert look(index, **{"payment.payment_intent": "pi_100"}) == []
    assert len(look(index, object="invoice_payment") or []) == 100
    assert look(index, description="not looked up by") is None


def test_a_row_that_changes_or_goes_is_found_as_it_is_now():
    index = Index()
    paid = {**PAYMENT, "status": "paid"}
    index.replace("objects", "inpay_1", None, PAYMENT)
    index.replace("objects", "inpay_1", PAYMENT, paid)

    assert look(index, status="open") == []
    assert look(index, status="paid") == ["inpay_1"]

    index.replace("objects", "inpay_1", paid, None)
    assert look(index, **{"payment.payment_intent": "pi_1"}) == []


def test_a_path_leads_into_objects_and_ends_where_there_is_none():
    assert value_at(PAYMENT, "status") == "open"
    assert value_at(PAYMENT, "payment.payment_intent") == "pi_1"
    assert value_at(PAYMENT, "payment.type.more") is None
    assert value_at(PAYMENT, "customer.id") is None
