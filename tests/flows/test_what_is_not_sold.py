"""Archived prices, and customers who disputed: what sells no more."""

from io import StringIO

import pytest
from django.core.management import call_command

from billing.models import Cart, OwnerNotice, Payment, Price
from licenses.models import Customer, License
from licenses.people import add_customer
from tests.flows.at_stripe import bought, signed_in_buyer
from tests.flows.books import books_agree
from tests.flows.disputing import decide, dispute
from tests.shop import Buyer, Shop


@pytest.mark.parametrize("archived", ["prices", "products"])
def test_an_archived_price_sells_no_more_but_renews(shop: Shop, archived: str):
    bought(shop)
    price = shop.ask_stripe("GET", "/v1/prices?lookup_keys[0]=pro_monthly")["data"][0]
    stripe_id = price["id"] if archived == "prices" else price["product"]
    shop.ask_stripe("POST", f"/v1/{archived}/{stripe_id}", "active=false")

    late = Buyer(shop, email="late@company.example")
    pages = [late.press_buy("pro_monthly"), late.client.get("/pricing/")]
    shop.advance(days=32)
    shop.settle()

    assert [page.status_code for page in pages] == [409, 200]
    assert "Hare Pro is not on sale at this price any more" in pages[0].content.decode()
    assert 'value="pro_monthly"' not in pages[1].content.decode()
    [notice] = OwnerNotice.objects.filter(needs_him=True)
    assert "Stripe sells pro_monthly" in notice.text
    assert License.objects.get().rev == 2
    books_agree(shop)

    Price.objects.update(is_on_sale=True)
    call_command("sync_catalog", stdout=StringIO())
    late.buy("pro_monthly")
    assert License.objects.count() == 2


def test_nobody_changes_to_an_archived_price(shop: Shop):
    subscription = bought(shop)
    for key in ("pro_yearly", "enterprise_monthly"):
        price = shop.ask_stripe("GET", f"/v1/prices?lookup_keys[0]={key}")["data"][0]["id"]
        shop.ask_stripe("POST", f"/v1/prices/{price}", "active=false")
        browser = signed_in_buyer(shop, Customer.objects.get()).client

        said = browser.get(
            f"/account/subscriptions/{subscription.pk}/change/",
            {"price": key, "quantity": 1},
            follow=True,
        )

        assert "is not on sale" in said.content.decode()
        assert not Price.objects.get(lookup_key=key).is_on_sale
    assert OwnerNotice.objects.filter(needs_him=True).count() == 2


@pytest.mark.parametrize(("outcome", "status"), [("lost", 409), ("won", 302)])
def test_after_a_lost_dispute_nothing_more_is_sold_by_the_machine(
    shop: Shop, outcome: str, status: int
):
    """Won, he has his license back; and another customer is not concerned."""
    bought(shop)
    decide(shop, dispute(shop, Payment.objects.get()), outcome)

    page = signed_in_buyer(shop, Customer.objects.get()).press_buy("pro_monthly")

    assert page.status_code == status
    if outcome == "lost":
        assert "Your bank took an earlier payment of yours back" in page.content.decode()
        assert not Cart.objects.filter(customer__isnull=False).exists()
    other = add_customer(name="Other", email="other@company.example")
    assert signed_in_buyer(shop, other).press_buy("pro_monthly").status_code == 303
