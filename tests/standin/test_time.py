"""What time brings: renewals, failures, retries, ends."""

import time

import pytest
import stripe

from tests.cards import ALWAYS_ASKS, FAILS_AT_RENEWAL

from .shop import DAY, Shop


def period_end(subscription: stripe.Subscription) -> int:
    return int(subscription["items"].data[0].current_period_end)


def types(shop: Shop) -> list[str]:
    return [delivery["type"] for delivery in shop.standin.take()]


def test_the_clock_starts_now_and_only_goes_forward(shop: Shop) -> None:
    assert abs(shop.standin.now() - time.time()) < 5

    later = shop.standin.advance(3600)

    assert later >= int(time.time()) + 3599


def test_a_renewal_extends_the_items_period(shop: Shop) -> None:
    subscription = shop.buy()
    first_end = period_end(subscription)

    shop.standin.control("POST", "clock", {"to": first_end + 60})
    draft = shop.invoices(subscription.id)[0]
    shop.standin.advance(2 * 3600)

    renewed = shop.subscription(subscription.id)
    invoice = shop.invoices(subscription.id)[0]
    assert (draft.id, draft.status) == (invoice.id, "draft")
    assert renewed.status == "active"
    assert period_end(renewed) > first_end + 27 * DAY
    assert (invoice.status, invoice.billing_reason) == ("paid", "subscription_cycle")
    assert invoice.lines.data[0].period.end == period_end(renewed)
    seen = types(shop)
    assert seen.index("invoice.created") < seen.index("invoice.paid")


def test_a_year_of_months_is_twelve_renewals_on_the_same_day(shop: Shop) -> None:
    subscription = shop.buy()
    day = time.gmtime(period_end(subscription)).tm_mday

    shop.standin.advance(366 * DAY)

    assert len(shop.invoices(subscription.id, limit=100)) == 13
    now = shop.subscription(subscription.id)
    assert time.gmtime(period_end(now)).tm_mday == day


def test_a_failed_renewal_is_retried_and_then_ends_the_subscription(shop: Shop) -> None:
    subscription = shop.buy(card=FAILS_AT_RENEWAL)

    shop.standin.control("POST", "clock", {"to": period_end(subscription) + 2 * 3600})
    late = shop.subscription(subscription.id)
    invoice = shop.invoices(subscription.id)[0]
    shop.standin.advance(8 * DAY)

    ended = shop.subscription(subscription.id)
    assert (late.status, invoice.status, invoice.attempt_count) == ("past_due", "open", 1)
    assert invoice.next_payment_attempt is not None
    assert ended.status == "canceled"
    assert ended.cancellation_details is not None
    assert ended.cancellation_details.reason == "payment_failed"
    assert shop.invoices(subscription.id)[0].attempt_count == 4
    seen = types(shop)
    assert seen.count("invoice.payment_failed") == 4
    assert seen[-1] == "customer.subscription.deleted"


def test_exhausted_retries_may_leave_the_subscription_unpaid(shop: Shop) -> None:
    shop.standin.control("POST", "webhooks", {"retries_exhausted": "unpaid"})
    subscription = shop.buy(card=FAILS_AT_RENEWAL)
    shop.standin.control("POST", "clock", {"to": period_end(subscription) + 9 * DAY})
    unpaid = shop.subscription(subscription.id).status
    invoice = shop.invoices(subscription.id, status="open")[0]

    method = shop.client.v1.payment_methods.attach(
        "pm_card_visa", {"customer": str(subscription.customer)}
    )
    paid = shop.client.v1.invoices.pay(str(invoice.id), {"payment_method": method.id})

    assert unpaid == "unpaid"
    assert paid.status == "paid"
    assert shop.subscription(subscription.id).status == "active"


def test_a_new_card_saves_a_subscription_that_is_past_due(shop: Shop) -> None:
    subscription = shop.buy(card=FAILS_AT_RENEWAL)
    shop.standin.control("POST", "clock", {"to": period_end(subscription) + 2 * 3600})
    customer = str(subscription.customer)
    method = shop.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer})

    shop.client.v1.subscriptions.update(subscription.id, {"default_payment_method": method.id})
    shop.standin.advance(4 * DAY)

    assert shop.subscription(subscription.id).status == "active"
    assert shop.invoices(subscription.id)[0].status == "paid"


def test_a_renewal_may_need_the_customer(shop: Shop) -> None:
    subscription = shop.buy(card=ALWAYS_ASKS)
    shop.standin.control("POST", "clock", {"to": period_end(subscription) + 2 * 3600})

    assert "invoice.payment_action_required" in types(shop)
    invoice = shop.invoices(subscription.id)[0]
    intent = shop.client.v1.payment_intents.retrieve(shop.intent_of(str(invoice.id)))
    assert (invoice.status, intent.status) == ("open", "requires_action")
    assert shop.subscription(subscription.id).status == "past_due"


def test_canceling_at_the_period_end_keeps_it_until_then(shop: Shop) -> None:
    subscription = shop.buy()
    end = period_end(subscription)

    asked = shop.client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    shop.standin.control("POST", "clock", {"to": end - 60})
    before = shop.subscription(subscription.id).status
    shop.standin.advance(120)

    assert (asked.cancel_at, asked.status) == (end, "active")
    assert asked.canceled_at is not None
    assert before == "active"
    ended = shop.subscription(subscription.id)
    assert ended.status == "canceled"
    assert ended.ended_at == pytest.approx(end, abs=5)
    assert ended.canceled_at == asked.canceled_at
    assert len(shop.invoices(subscription.id)) == 1


def test_a_cancellation_can_be_undone(shop: Shop) -> None:
    subscription = shop.buy()
    shop.client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})

    kept = shop.client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    shop.standin.control("POST", "clock", {"to": period_end(subscription) + 2 * 3600})

    assert (kept.cancel_at, kept.canceled_at) == (None, None)
    assert shop.subscription(subscription.id).status == "active"
    assert len(shop.invoices(subscription.id)) == 2


def test_an_invoice_customer_is_active_before_he_pays(shop: Shop) -> None:
    customer = shop.client.v1.customers.create({"email": "big@example.com"})
    subscription = shop.client.v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": shop.enterprise("year").id, "quantity": 20}],
            "collection_method": "send_invoice",
            "days_until_due": 30,
        }
    )
    shop.standin.advance(2 * 3600)
    sent = shop.invoices(subscription.id)[0]
    shop.standin.advance(31 * DAY)

    assert subscription.status == "active"
    assert (sent.status, sent.amount_due) == ("open", 20 * 21900)
    assert sent.due_date is not None
    seen = types(shop)
    assert "invoice.sent" in seen
    assert "invoice.overdue" in seen
    assert shop.subscription(subscription.id).status == "past_due"


def test_a_first_invoice_that_is_not_paid_expires_after_23_hours(shop: Shop) -> None:
    customer = shop.client.v1.customers.create({"email": "a@b.co"})
    subscription = shop.client.v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": shop.pro().id}],
            "payment_behavior": "default_incomplete",
        }
    )

    shop.standin.advance(24 * 3600)

    assert subscription.status == "incomplete"
    assert shop.subscription(subscription.id).status == "incomplete_expired"
    assert shop.invoices(subscription.id)[0].status == "void"


def test_what_a_customer_tries_himself_does_not_use_up_the_retries(shop: Shop) -> None:
    subscription = shop.buy(card=FAILS_AT_RENEWAL)
    shop.standin.control("POST", "clock", {"to": period_end(subscription) + 2 * 3600})
    invoice = shop.invoices(subscription.id)[0]

    for _ in range(5):
        with pytest.raises(stripe.CardError):
            shop.client.v1.invoices.pay(str(invoice.id))

    after = shop.invoices(subscription.id)[0]
    assert (after.attempt_count, after.next_payment_attempt) == (1, invoice.next_payment_attempt)
    assert shop.subscription(subscription.id).status == "past_due"
