"""An offer: a price of its own for some days, what was expected of it, and what came of it."""

import re
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.models import Offer, OwnerNotice, Price, Subscription
from billing.offers import result_of, turn_offers
from tests.portal.test_catalog import post, text_of
from tests.shop import Buyer, Shop


def test_an_offer_is_sold_in_its_days_and_its_holders_keep_it(
    owner: Client, shop: Shop, offer: Offer
):
    assert "created autumn as price_" in post(owner, "/owner/catalog/publish")
    shop.work()
    assert "$795" not in text_of(owner, "/pricing/")

    shop.advance(days=1)
    shop.settle()
    assert f"Autumn: for whoever buys until {offer.ends_on:%-d %B %Y}" in text_of(
        owner, "/pricing/"
    )
    Buyer(shop).buy("autumn")
    Buyer(shop, email="b@company.example").press_buy("autumn")
    shop.settle()
    shop.advance(days=2)
    shop.settle()

    assert "$795" not in text_of(owner, "/pricing/")
    result = result_of(offer)
    assert (result.checkouts, result.sales, result.refunded, result.cents) == (2, 1, 0, 79500)
    notice = OwnerNotice.objects.get(key=f"offer-over:{offer.pk}")
    assert "1 sold, 0 of them given back, $795" in notice.text
    shop.advance(days=370)
    shop.settle()
    assert Subscription.objects.get().total_cents == 79500
    assert Subscription.objects.get().status == "active"


def test_the_verdict_closes_the_reminder(owner: Client, shop: Shop, offer: Offer):
    shop.advance(days=5)
    shop.work()
    form = {
        "name": "Autumn", "price": offer.price_id, "hypothesis": "Ten more.",
        "starts_on": offer.starts_on, "ends_on": offer.ends_on, "verdict": "Nobody came.",
    }  # fmt: skip

    said = post(owner, f"/owner/billing/offer/{offer.pk}/change/", form)

    assert "new buyers of Hare Pro may pay $795 per year. Its 0 subscribers keep" in said
    assert OwnerNotice.objects.get(key=f"offer-over:{offer.pk}").closed_at is not None


def test_an_offer_turns_once_whoever_looks(shop: Shop, offer: Offer):
    during = timezone.now() + timedelta(days=1)
    after = timezone.now() + timedelta(days=4)

    turned = [turn_offers(at) for at in (timezone.now(), during, during, after, after)]

    assert turned == [0, 1, 0, 1, 0]


def test_a_price_that_is_sold_anyway_is_no_offer_and_two_do_not_overlap(shop: Shop, offer: Offer):
    on_sale = Offer(
        name="x",
        price=Price.objects.get(lookup_key="pro_monthly"),
        hypothesis="x",
        starts_on=offer.starts_on,
        ends_on=offer.ends_on,
    )
    second = Offer(
        name="x",
        price=offer.price,
        hypothesis="x",
        starts_on=offer.ends_on,
        ends_on=offer.ends_on,
    )

    for wrong in (on_sale, second):
        with pytest.raises(ValidationError, match="price"):
            wrong.clean()
    offer.clean()


def test_the_price_stays_on_sale_when_one_offer_follows_the_other(shop: Shop, offer: Offer):
    following = offer.ends_on + timedelta(days=1)
    Offer.objects.create(
        name="Winter", price=offer.price, hypothesis="x", starts_on=following, ends_on=following
    )
    shop.advance(days=1)
    shop.work()

    shop.advance(days=2)
    shop.work()

    offer.refresh_from_db()
    assert offer.closed_at is not None
    assert Price.objects.get(pk=offer.price_id).is_on_sale
    shop.advance(days=1)
    shop.work()
    assert not Price.objects.get(pk=offer.price_id).is_on_sale


def test_the_page_names_the_offer_of_today_and_the_coming_one_may_be_edited(
    owner: Client, shop: Shop, offer: Offer
):
    following = offer.ends_on + timedelta(days=1)
    winter = Offer.objects.create(
        name="Winter", price=offer.price, hypothesis="x", starts_on=following, ends_on=following
    )
    post(owner, "/owner/catalog/publish")
    shop.advance(days=1)
    shop.work()

    shown = text_of(owner, "/pricing/")

    assert "Autumn: for whoever buys until" in shown
    assert "Winter" not in shown
    Offer.objects.get(pk=winter.pk).clean()


def test_the_next_offer_takes_the_price_over_and_names_itself(
    owner: Client, shop: Shop, offer: Offer
):
    following = offer.ends_on + timedelta(days=1)
    Offer.objects.create(
        name="Winter", price=offer.price, hypothesis="x", starts_on=following, ends_on=following
    )
    post(owner, "/owner/catalog/publish")
    shop.advance(days=1)
    shop.work()
    shop.advance(days=2)
    shop.work()

    shown = text_of(owner, "/pricing/")

    assert "Winter: for whoever buys until" in shown
    assert "Autumn" not in shown


def test_a_price_that_was_on_sale_before_its_offer_stays_so_after_it(
    owner: Client, shop: Shop, offer: Offer
):
    Price.objects.filter(pk=offer.price_id).update(is_on_sale=True)
    during = timezone.now() + timedelta(days=1)

    turned = [turn_offers(at) for at in (during, during, during + timedelta(days=3))]

    assert turned == [0, 0, 1]
    offer.refresh_from_db()
    assert (offer.opened_at, offer.closed_at is None) == (None, False)
    assert Price.objects.get(pk=offer.price_id).is_on_sale
    form = {"name": "Autumn", "price": offer.price_id, "hypothesis": "x", "verdict": "Nobody."}
    post(owner, f"/owner/billing/offer/{offer.pk}/change/", form)
    assert Offer.objects.get(pk=offer.pk).verdict == "Nobody."


def test_the_days_of_an_offer_that_is_over_are_not_moved(owner: Client, shop: Shop, offer: Offer):
    shop.advance(days=5)
    shop.work()
    later = offer.ends_on + timedelta(days=30)
    form = {
        "name": "Autumn", "price": offer.price_id, "hypothesis": "x",
        "starts_on": offer.starts_on, "ends_on": later, "verdict": "Nobody.",
    }  # fmt: skip

    post(owner, f"/owner/billing/offer/{offer.pk}/change/", form)

    assert Offer.objects.get(pk=offer.pk).ends_on == offer.ends_on


def test_the_list_counts_what_each_sold_in_as_many_queries_for_any_number(
    owner: Client, shop: Shop, offer: Offer
):
    post(owner, "/owner/catalog/publish")
    shop.advance(days=1)
    shop.work()
    Buyer(shop).buy("autumn")
    shop.settle()

    def page() -> tuple[list[str], int]:
        with CaptureQueriesContext(connection) as queries:
            shown = owner.get("/owner/billing/offer/").content.decode()
        return re.findall(r'field-sold">(\d+)<', shown), len(queries)

    page()
    sold, few = page()
    assert sold == ["1"]
    for day in (10, 20, 30):
        starts_on = offer.ends_on + timedelta(days=day)
        Offer.objects.create(
            name="x", price=offer.price, hypothesis="x", starts_on=starts_on, ends_on=starts_on
        )
    sold, many = page()
    assert (sorted(sold), many) == (["0", "0", "0", "1"], few)


def test_an_offer_that_has_begun_keeps_its_price(owner: Client, shop: Shop, offer: Offer):
    shop.advance(days=1)
    shop.work()
    other = Price.objects.get(lookup_key="pro_monthly")
    Offer.objects.create(
        name="Winter", price=offer.price, hypothesis="x",
        starts_on=offer.ends_on + timedelta(days=9), ends_on=offer.ends_on + timedelta(days=9),
    )  # fmt: skip
    form = {
        "name": "Autumn", "price": other.pk, "hypothesis": "Ten more.",
        "starts_on": offer.starts_on, "ends_on": offer.ends_on, "verdict": "",
    }  # fmt: skip

    post(owner, f"/owner/billing/offer/{offer.pk}/change/", form)

    assert Offer.objects.get(pk=offer.pk).price == offer.price
    form["ends_on"] = offer.ends_on + timedelta(days=9)
    shown = owner.post(f"/owner/billing/offer/{offer.pk}/change/", form).content.decode()
    assert "Another offer has this price in these days." in shown
