"""Offers as experiments on the owner's screen: their days, what came of each, and the verdict."""

from datetime import UTC, datetime, timedelta

from django.test import Client
from django.utils import timezone

from billing.models import Offer, Payment, Subscription
from billing.offers import result_of, with_results
from portal.dashboard_offers import newest_offers
from tests.cards import OTHER_GOOD
from tests.portal.reading import text_of
from tests.portal.test_catalog import post
from tests.shop import Buyer, Shop


def sell(owner: Client, shop: Shop) -> None:
    """On its first day: two buy, one of them in the end not; one of the two has $95 back."""
    post(owner, "/owner/catalog/publish")
    shop.advance(days=1)
    shop.work()
    Buyer(shop).buy("autumn")
    Buyer(shop, email="b@company.example").buy("autumn", card=OTHER_GOOD)
    Buyer(shop, email="c@company.example").press_buy("autumn")
    shop.settle()
    one = Payment.objects.latest("pk").stripe_id
    shop.ask_stripe("POST", "/v1/refunds", f"payment_intent={one}&amount=9500")
    shop.settle()


def test_an_empty_shop_is_told_what_an_offer_is(owner: Client):
    assert "An offer is an experiment" in text_of(owner)
    assert "None." in text_of(owner, "/owner/business/offers/")


def test_the_dashboard_says_the_days_the_state_and_the_verdict(
    owner: Client, shop: Shop, offer: Offer
):
    days = f"Autumn {offer.starts_on} to {offer.ends_on}"
    assert f"{days} not begun 0 Ten more will come." in text_of(owner)

    sell(owner, shop)
    assert f"{days} on sale 2 Ten more will come." in text_of(owner)
    shop.advance(days=3)
    shop.work()
    assert f"{days} over, and no verdict yet 2" in text_of(owner)
    Offer.objects.update(verdict="Two came; not worth it.")

    assert f"{days} over 2 Ten more will come. Two came; not worth it." in text_of(owner)


def test_the_rows_of_an_offer_sum_to_its_money(owner: Client, shop: Shop, offer: Offer):
    sell(owner, shop)

    shown = text_of(owner, f"/owner/business/offers/{offer.pk}/")

    assert f"{offer.starts_on} to {offer.ends_on}, on sale: 3 checkouts, 2 sold, 0 of" in shown
    assert "Expected: Ten more will come." in shown
    quarter = f"{timezone.now().year} Q{(timezone.now().month + 2) // 3}"
    assert f"Money by quarter: {quarter} $1,495." in shown
    first, second = Subscription.objects.order_by("pk")
    assert f"{second.stripe_id} {second.created_at:%Y-%m-%d} active $700" in shown
    assert f"{first.stripe_id} {first.created_at:%Y-%m-%d} active $795" in shown
    assert "Sum $1,495" in shown


def test_all_offers_are_counted_at_once_as_each_alone(
    owner: Client, shop: Shop, offer: Offer, django_assert_num_queries
):
    sell(owner, shop)
    for number in range(3):
        day = offer.ends_on + timedelta(days=10 + number)
        Offer.objects.create(
            name=f"Later {number}", price=offer.price, hypothesis="x", starts_on=day, ends_on=day
        )

    with django_assert_num_queries(1):
        at_once = {
            one.name: (one.checkouts, one.sales, one.given_back, one.cents)
            for one in with_results(Offer.objects.all())
        }

    alone = {one.name: result_of(one) for one in Offer.objects.all()}
    assert at_once == {
        name: (one.checkouts, one.sales, one.refunded, one.cents) for name, one in alone.items()
    }
    assert at_once["Autumn"] == (3, 2, 0, 149_500)
    shown = text_of(owner, "/owner/business/offers/")
    assert f"Autumn {offer.starts_on} to {offer.ends_on} on sale 3 2 0 $1,495" in shown
    with django_assert_num_queries(1):
        assert len(newest_offers(datetime.now(UTC))) == 4
