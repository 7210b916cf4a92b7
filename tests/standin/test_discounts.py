"""Coupons, promotion codes, and what they take off."""

from typing import Any
from urllib.parse import urlsplit

import pytest
import stripe

from .process import NotPaidError
from .shop import DAY, Shop


def coupon(shop: Shop, **fields: Any) -> str:
    params: Any = {"percent_off": 20, "duration": "forever", **fields}
    if "amount_off" in fields:
        params |= {"currency": "usd"}
        del params["percent_off"]
    return shop.client.v1.coupons.create(params).id


def code(shop: Shop, coupon_id: str, **fields: Any) -> stripe.PromotionCode:
    params: Any = {"promotion": {"type": "coupon", "coupon": coupon_id}, "code": "HARE20"}
    return shop.client.v1.promotion_codes.create(params | fields)


def totals(shop: Shop, subscription_id: str) -> list[int]:
    """Of all invoices, oldest first."""
    return [invoice.total for invoice in shop.invoices(subscription_id)[::-1]]


@pytest.mark.parametrize(
    ("terms", "paid"),
    [
        ({"duration": "forever"}, [7920, 7920, 7920, 7920]),
        ({"duration": "once"}, [7920, 9900, 9900, 9900]),
        ({"duration": "repeating", "duration_in_months": 2}, [7920, 7920, 9900, 9900]),
        ({"duration": "once", "amount_off": 5000}, [4900, 9900, 9900, 9900]),
    ],
)
def test_a_coupon_counts_as_long_as_it_says(
    shop: Shop, terms: dict[str, Any], paid: list[int]
) -> None:
    given: Any = [{"coupon": coupon(shop, **terms)}]

    subscription = shop.buy(discounts=given)
    shop.standin.advance(93 * DAY)

    assert totals(shop, subscription.id)[:4] == paid
    assert sum(charge.amount for charge in shop.client.v1.charges.list().data) == sum(paid)


def test_the_session_and_the_invoice_show_the_discount(shop: Shop) -> None:
    given: Any = [{"coupon": coupon(shop)}]
    session = shop.session(shop.pro(), discounts=given)
    shop.standin.pay_checkout(session.url or "")

    found = shop.client.v1.subscriptions.list({"expand": ["data.discounts"]}).data[0]
    invoice = shop.invoices(found.id, expand=["data.discounts"])[0]
    discount: Any = found.discounts[0]
    assert (session.amount_subtotal, session.amount_total) == (9900, 7920)
    assert session.total_details
    assert session.total_details.amount_discount == 1980
    assert (invoice.subtotal, invoice.total) == (9900, 7920)
    assert invoice.total_discount_amounts
    assert invoice.total_discount_amounts[0].amount == 1980
    assert discount.source.coupon == given[0]["coupon"]
    assert shop.client.v1.coupons.retrieve(given[0]["coupon"]).times_redeemed == 1
    assert "customer.discount.created" in [d["type"] for d in shop.standin.take()]


def test_a_buyer_types_in_a_promotion_code(shop: Shop) -> None:
    promotion = code(shop, coupon(shop))
    session = shop.session(shop.pro(), allow_promotion_codes=True)
    path = urlsplit(session.url or "").path
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    shown = shop.standin.request("POST", path + "/promotion_code", "promotion_code=hare20", form)
    wrong = shop.standin.request("POST", path + "/promotion_code", "promotion_code=nope", form)
    with pytest.raises(NotPaidError, match="invalid"):
        shop.standin.pay_checkout(session.url or "", code="nope")
    shop.standin.pay_checkout(session.url or "", code="hare20")

    paid = shop.client.v1.checkout.sessions.retrieve(session.id)
    assert (shown.status, wrong.status) == (200, 400)
    assert "$79.20" in shown.text
    assert paid.discounts
    assert (paid.amount_total, paid.discounts[0].promotion_code) == (7920, promotion.id)
    assert shop.client.v1.promotion_codes.retrieve(promotion.id).times_redeemed == 1


def test_nothing_is_charged_when_all_of_it_is_off(shop: Shop) -> None:
    given: Any = [{"coupon": coupon(shop, percent_off=100)}]
    session = shop.session(shop.pro(), discounts=given)

    shop.standin.pay_checkout(session.url or "")

    paid = shop.client.v1.checkout.sessions.retrieve(session.id)
    subscription = shop.subscription(str(paid.subscription))
    invoice = shop.invoices(subscription.id, expand=["data.payments"])[0]
    assert (paid.payment_status, paid.status) == ("no_payment_required", "complete")
    assert subscription.status == "active"
    assert (invoice.status, invoice.amount_paid) == ("paid", 0)
    assert invoice.payments is not None
    assert invoice.payments.data == []
    assert shop.client.v1.payment_intents.list().data == []


def test_a_free_session_may_do_without_a_card(shop: Shop) -> None:
    given: Any = [{"coupon": coupon(shop, percent_off=100)}]
    session = shop.session(shop.pro(), discounts=given, payment_method_collection="if_required")

    page = shop.standin.request("GET", urlsplit(session.url or "").path)
    shop.standin.pay_checkout(session.url or "", card="")

    paid = shop.client.v1.checkout.sessions.retrieve(session.id)
    assert "Card number" not in page.text
    assert shop.subscription(str(paid.subscription)).default_payment_method is None


def test_an_amount_off_is_spread_to_the_cent(shop: Shop) -> None:
    given: Any = [{"coupon": coupon(shop, amount_off=1001)}]
    session = shop.session(
        shop.pro(),
        discounts=given,
        line_items=[
            {"price": shop.pro().id, "quantity": 1},
            {"price": shop.enterprise().id, "quantity": 3},
        ],
    )
    shop.standin.pay_checkout(session.url or "")

    invoice = shop.client.v1.invoices.list().data[0]
    parts = [line.discount_amounts[0].amount for line in invoice.lines if line.discount_amounts]
    assert sum(parts) == 1001
    assert invoice.total == 9900 + 3 * 26900 - 1001 == session.amount_total


def test_a_coupon_may_be_for_one_product_only(shop: Shop) -> None:
    price, other = shop.pro(), shop.pro()
    given: Any = [{"coupon": coupon(shop, applies_to={"products": [str(price.product)]})}]

    reduced = shop.session(price, discounts=given)
    whole = shop.session(other, discounts=given)

    assert (reduced.amount_total, whole.amount_total) == (7920, 9900)


def test_an_upgrade_gives_back_no_more_than_was_paid(shop: Shop) -> None:
    given: Any = [{"coupon": coupon(shop, duration="once", percent_off=50)}]
    subscription = shop.buy(discounts=given)
    change: Any = {
        "items": [{"id": subscription["items"].data[0].id, "quantity": 2}],
        "proration_behavior": "always_invoice",
    }

    shop.client.v1.subscriptions.update(subscription.id, change)

    credit, debit = shop.invoices(subscription.id)[0].lines.data
    assert credit.amount == pytest.approx(-4950, abs=5)
    assert debit.amount == pytest.approx(19800, abs=5)


def test_a_subscription_takes_other_discounts(shop: Shop) -> None:
    subscription = shop.buy()
    given: Any = {"discounts": [{"coupon": coupon(shop)}]}

    changed = shop.client.v1.subscriptions.update(subscription.id, given)
    preview = shop.client.v1.invoices.create_preview({"subscription": subscription.id})
    cleared = shop.client.v1.subscriptions.update(subscription.id, {"discounts": ""})

    assert len(changed.discounts) == 1
    assert preview.total == 7920
    assert cleared.discounts == []
    seen = [delivery["type"] for delivery in shop.standin.take()]
    assert {"customer.discount.created", "customer.discount.deleted"} <= set(seen)


def test_a_used_up_coupon_and_a_foreign_code_are_refused(shop: Shop) -> None:
    customer = shop.client.v1.customers.create({"email": "a@b.co"})
    used_up, open_one = coupon(shop, max_redemptions=1), coupon(shop)
    given: Any = [{"coupon": used_up}]
    shop.buy(discounts=given)
    own = code(shop, open_one, customer=customer.id)

    with pytest.raises(stripe.InvalidRequestError) as expired:
        shop.session(shop.pro(), discounts=given)
    with pytest.raises(stripe.InvalidRequestError, match="another customer"):
        shop.session(shop.pro(), discounts=[{"promotion_code": own.id}])
    shop.session(shop.pro(), discounts=[{"promotion_code": own.id}], customer=customer.id)

    assert expired.value.code == "coupon_expired"
    assert not shop.client.v1.coupons.retrieve(used_up).valid


def test_a_deleted_coupon_still_counts_where_it_was_redeemed(shop: Shop) -> None:
    coupon_id = coupon(shop)
    given: Any = [{"coupon": coupon_id}]
    subscription = shop.buy(discounts=given)

    shop.client.v1.coupons.delete(coupon_id)
    shop.standin.advance(32 * DAY)

    found: Any = shop.client.v1.subscriptions.retrieve(
        subscription.id, {"expand": ["discounts.source.coupon"]}
    )
    assert found.discounts[0].source.coupon.percent_off == 20
    assert totals(shop, subscription.id) == [7920, 7920]
    with pytest.raises(stripe.InvalidRequestError):
        shop.session(shop.pro(), discounts=given)


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({}, "percent_off"),
        ({"percent_off": 10, "amount_off": 5, "currency": "usd"}, "percent_off"),
        ({"percent_off": 101}, "percent_off"),
        ({"amount_off": 5}, "currency"),
        ({"percent_off": 10, "duration": "repeating"}, "duration_in_months"),
        ({"percent_off": 10, "duration_in_months": 3}, "duration_in_months"),
        ({"percent_off": 10, "redeem_by": 5}, "redeem_by"),
        ({"percent_off": 10, "max_redemptions": 0}, "max_redemptions"),
    ],
)
def test_a_coupon_follows_stripes_rules(shop: Shop, params: dict[str, Any], param: str) -> None:
    wrong: Any = params

    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.client.v1.coupons.create(wrong)

    assert refused.value.param == param


def test_a_code_names_one_active_promotion(shop: Shop) -> None:
    first = code(shop, coupon(shop))

    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        code(shop, coupon(shop), code="hare20")
    shop.client.v1.promotion_codes.update(first.id, {"active": False})
    second = code(shop, coupon(shop), code="hare20")

    found = shop.client.v1.promotion_codes.list({"code": "HARE20", "active": True}).data
    assert [each.id for each in found] == [second.id]


def test_codes_and_given_discounts_exclude_each_other(shop: Shop) -> None:
    given: Any = [{"coupon": coupon(shop)}]

    with pytest.raises(stripe.InvalidRequestError, match="only specify one"):
        shop.session(shop.pro(), discounts=given, allow_promotion_codes=True)
    with pytest.raises(stripe.InvalidRequestError, match="one discount"):
        shop.session(shop.pro(), discounts=given * 2)
