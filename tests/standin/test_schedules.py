"""Subscription schedules: changes that wait for the end of the period."""

from typing import Any

import pytest
import stripe

from .shop import DAY, Shop


def schedule_of(shop: Shop, subscription: stripe.Subscription) -> stripe.SubscriptionSchedule:
    return shop.client.v1.subscription_schedules.create({"from_subscription": subscription.id})


def plan(
    shop: Shop,
    schedule: stripe.SubscriptionSchedule,
    then: dict[str, Any],
    **fields: Any,
) -> stripe.SubscriptionSchedule:
    """The running phase as it is, and one more that is paid by the same card."""
    now = schedule.phases[0]
    terms = {"default_payment_method": str(now.default_payment_method)}
    running = {
        "items": [{"price": now["items"][0].price, "quantity": now["items"][0].quantity}],
        "start_date": now.start_date,
        "end_date": now.end_date,
    } | terms
    after = {
        "items": [then],
        "proration_behavior": "none",
        "billing_cycle_anchor": "phase_start",
    } | terms
    params: Any = {"phases": [running, after], "end_behavior": "release", **fields}
    return shop.client.v1.subscription_schedules.update(schedule.id, params)


def sold(shop: Shop, subscription_id: str) -> tuple[str, int]:
    item = shop.subscription(subscription_id)["items"].data[0]
    return item.price.id, int(item.quantity or 0)


def test_a_smaller_quantity_waits_for_the_end_of_the_period(shop: Shop) -> None:
    price = shop.enterprise()
    subscription = shop.buy(price, 5)
    schedule = schedule_of(shop, subscription)

    planned = plan(shop, schedule, {"price": price.id, "quantity": 3})
    before = sold(shop, subscription.id)
    attached = shop.subscription(subscription.id).schedule
    shop.standin.advance(32 * DAY)

    invoice = shop.invoices(subscription.id)[0]
    assert (planned.status, len(planned.phases), attached) == ("active", 2, schedule.id)
    assert before == (price.id, 5)
    assert sold(shop, subscription.id) == (price.id, 3)
    assert (invoice.billing_reason, invoice.total) == ("subscription_cycle", 3 * 26900)
    assert len(invoice.lines.data) == 1


def test_a_schedule_that_is_over_lets_the_subscription_go(shop: Shop) -> None:
    price = shop.enterprise()
    subscription = shop.buy(price, 5)
    schedule = schedule_of(shop, subscription)
    plan(shop, schedule, {"price": price.id, "quantity": 3})

    shop.standin.advance(65 * DAY)

    over = shop.client.v1.subscription_schedules.retrieve(schedule.id)
    now = shop.subscription(subscription.id)
    assert (over.status, over.released_subscription) == ("released", subscription.id)
    assert (now.status, now.schedule) == ("active", None)
    assert sold(shop, subscription.id)[1] == 3
    seen = [delivery["type"] for delivery in shop.standin.take()]
    assert "subscription_schedule.updated" in seen
    assert "subscription_schedule.released" in seen


def test_from_a_year_to_a_month_at_the_end_of_the_year(shop: Shop) -> None:
    monthly = shop.pro()
    subscription = shop.buy(shop.pro("year"))
    plan(shop, schedule_of(shop, subscription), {"price": monthly.id, "quantity": 1})

    shop.standin.advance(366 * DAY)

    item = shop.subscription(subscription.id)["items"].data[0]
    invoice = shop.invoices(subscription.id)[0]
    assert item.price.id == monthly.id
    assert 27 * DAY < item.current_period_end - item.current_period_start < 32 * DAY
    assert (invoice.status, invoice.total) == ("paid", 9900)


def bare(shop: Shop, subscription: stripe.Subscription, **then: Any) -> None:
    """A plan that says no more than what is sold when."""
    schedule = schedule_of(shop, subscription)
    now = schedule.phases[0]
    item = {"price": now["items"][0].price, "quantity": now["items"][0].quantity}
    running = {"items": [item], "start_date": now.start_date, "end_date": now.end_date}
    params: Any = {"phases": [running, {"items": [item], **then}]}
    shop.client.v1.subscription_schedules.update(schedule.id, params)


def test_phases_keep_neither_card_nor_discount_that_they_do_not_name(shop: Shop) -> None:
    coupon = shop.client.v1.coupons.create({"percent_off": 20, "duration": "forever"})
    given: Any = [{"coupon": coupon.id}]
    subscription = shop.buy(discounts=given)
    first = schedule_of(shop, subscription)
    shop.client.v1.subscription_schedules.release(first.id)
    method = subscription.default_payment_method

    bare(shop, subscription)
    shop.standin.advance(32 * DAY)

    after = shop.subscription(subscription.id)
    assert [each.discount for each in first.phases[0].discounts] == subscription.discounts
    assert first.phases[0].default_payment_method == method
    assert (after.discounts, after.default_payment_method) == ([], None)
    assert (after.status, shop.invoices(subscription.id)[0].total) == ("past_due", 9900)


def test_a_phase_without_a_card_is_charged_to_the_customers_own(shop: Shop) -> None:
    subscription = shop.buy()
    method: Any = {"default_payment_method": str(subscription.default_payment_method)}
    shop.client.v1.customers.update(str(subscription.customer), {"invoice_settings": method})

    bare(shop, subscription)
    shop.standin.advance(32 * DAY)

    assert shop.subscription(subscription.id).status == "active"


def test_a_phase_of_another_interval_says_that_the_periods_begin_anew(shop: Shop) -> None:
    year: Any = {"items": [{"price": shop.pro("year").id}]}

    with pytest.raises(stripe.APIError, match="billing_cycle_anchor=phase_start"):
        bare(shop, shop.buy(), **year)


def test_a_phase_names_a_discount_of_its_subscription(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="No such discount"):
        bare(shop, shop.buy(), discounts=[{"discount": "di_elsewhere"}])


def test_a_plan_can_be_given_up(shop: Shop) -> None:
    price = shop.enterprise()
    subscription = shop.buy(price, 5)
    schedule = schedule_of(shop, subscription)
    plan(shop, schedule, {"price": price.id, "quantity": 3})

    released = shop.client.v1.subscription_schedules.release(schedule.id)
    shop.standin.advance(32 * DAY)

    assert released.status == "released"
    assert shop.subscription(subscription.id).schedule is None
    assert sold(shop, subscription.id) == (price.id, 5)
    with pytest.raises(stripe.InvalidRequestError, match="released"):
        shop.client.v1.subscription_schedules.release(schedule.id)


def test_while_a_schedule_is_attached_the_end_is_its_affair(shop: Shop) -> None:
    subscription = shop.buy()
    schedule = schedule_of(shop, subscription)

    with pytest.raises(stripe.InvalidRequestError, match="managed by the subscription schedule"):
        shop.client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    with pytest.raises(stripe.InvalidRequestError, match="already attached"):
        schedule_of(shop, subscription)
    shop.client.v1.subscriptions.cancel(subscription.id)

    over = shop.client.v1.subscription_schedules.retrieve(schedule.id)
    assert over.status == "canceled"


def test_the_end_of_the_last_phase_may_be_the_end_of_all(shop: Shop) -> None:
    price = shop.pro()
    subscription = shop.buy(price)
    schedule = schedule_of(shop, subscription)
    plan(shop, schedule, {"price": price.id}, end_behavior="cancel")

    shop.standin.advance(65 * DAY)

    assert shop.subscription(subscription.id).status == "canceled"
    assert shop.client.v1.subscription_schedules.retrieve(schedule.id).status == "completed"
    assert len(shop.invoices(subscription.id)) == 2


def test_a_change_of_the_running_phase_takes_effect_at_once(shop: Shop) -> None:
    price = shop.enterprise()
    subscription = shop.buy(price, 3)
    schedule = schedule_of(shop, subscription)
    now = schedule.phases[0]
    bigger: Any = {
        "items": [{"price": price.id, "quantity": 4}],
        "start_date": now.start_date,
        "end_date": now.end_date,
    }

    shop.client.v1.subscription_schedules.update(
        schedule.id, {"phases": [bigger], "proration_behavior": "always_invoice"}
    )

    assert sold(shop, subscription.id) == (price.id, 4)
    assert shop.invoices(subscription.id)[0].billing_reason == "subscription_update"


def test_a_schedule_may_begin_a_subscription_later(shop: Shop) -> None:
    customer = shop.client.v1.customers.create({"email": "a@b.co"})
    method = shop.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    start = shop.standin.now() + 5 * DAY

    schedule = shop.client.v1.subscription_schedules.create(
        {
            "customer": customer.id,
            "start_date": start,
            "default_settings": {"default_payment_method": method.id},
            "phases": [
                {
                    "items": [{"price": shop.pro().id}],
                    "duration": {"interval": "month", "interval_count": 2},
                }
            ],
        }
    )
    waiting = schedule.status
    shop.standin.advance(6 * DAY)

    begun = shop.client.v1.subscription_schedules.retrieve(schedule.id)
    assert (waiting, begun.status) == ("not_started", "active")
    assert shop.subscription(str(begun.subscription)).status == "active"


@pytest.mark.parametrize(
    "params",
    [
        {"from_subscription": "SUB", "end_behavior": "cancel"},
        {"from_subscription": "sub_none"},
        {"customer": "cus_none", "phases": [{"items": [{"price": "PRICE"}]}]},
        {"phases": [{"items": [{"price": "PRICE"}]}]},
    ],
)
def test_a_schedule_follows_stripes_rules(shop: Shop, params: dict[str, Any]) -> None:
    subscription = shop.buy()
    if params.get("from_subscription") == "SUB":
        params = params | {"from_subscription": subscription.id}
    wrong: Any = params

    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.subscription_schedules.create(wrong)


def test_the_running_phase_cannot_be_left_out(shop: Shop) -> None:
    price = shop.pro()
    schedule = schedule_of(shop, shop.buy(price))
    later: Any = {"items": [{"price": price.id}], "start_date": schedule.phases[0].end_date}

    with pytest.raises(stripe.InvalidRequestError, match="current phase"):
        shop.client.v1.subscription_schedules.update(schedule.id, {"phases": [later]})


def test_canceling_with_credit_gives_back_what_is_unused(shop: Shop) -> None:
    subscription = shop.buy()
    end = subscription["items"].data[0].current_period_end
    start = subscription["items"].data[0].current_period_start
    shop.standin.control("POST", "clock", {"to": start + (end - start) // 2})

    shop.client.v1.subscriptions.cancel(subscription.id, {"invoice_now": True, "prorate": True})

    customer = shop.client.v1.customers.retrieve(str(subscription.customer))
    assert customer.balance == pytest.approx(-4950, abs=5)
    assert shop.subscription(subscription.id).status == "canceled"
