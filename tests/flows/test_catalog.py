"""sync_catalog makes Stripe agree with the catalog, and can be repeated."""

from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from billing.models import Price, StripePrice
from licenses.models import License
from tests.shop import Buyer, Shop


def sync() -> str:
    out = StringIO()
    call_command("sync_catalog", stdout=out)
    return out.getvalue()


def test_stripe_has_a_product_per_tier_and_a_price_per_row(shop: Shop):
    counts = shop.stripe_counts()

    assert (counts["product"], counts["price"]) == (2, 4)
    assert set(Price.objects.values_list("lookup_key", flat=True)) == {
        "pro_monthly", "pro_yearly", "enterprise_monthly", "enterprise_yearly",
    }  # fmt: skip


def test_a_second_sync_changes_nothing(shop: Shop):
    before = shop.stripe_counts()

    assert sync() == "Stripe agrees with the catalog.\n"

    assert shop.stripe_counts() == before


def test_a_new_amount_is_a_new_price_and_old_buyers_keep_their_license(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    old = Price.objects.get(lookup_key="pro_monthly").stripe_id
    Price.objects.filter(lookup_key="pro_monthly").update(unit_amount_cents=10900)

    sync()
    shop.advance(days=32)
    shop.settle()

    price = Price.objects.get(lookup_key="pro_monthly")
    assert price.stripe_id != old
    assert StripePrice.objects.filter(price=price).count() == 2
    assert License.objects.get().rev == 2  # renewed at the old price
    assert shop.stripe_counts()["price"] == 5


def test_a_sync_that_was_killed_before_it_stored_the_id_finds_the_price_again(shop: Shop):
    before = shop.stripe_counts()
    StripePrice.objects.all().delete()
    Price.objects.update(stripe_id="")

    sync()

    assert shop.stripe_counts() == before
    assert not Price.objects.filter(stripe_id="").exists()


def test_a_table_whose_total_falls_is_refused_before_anything_changes(shop: Shop):
    before = shop.stripe_counts()
    Price.objects.filter(lookup_key="pro_monthly").update(unit_amount_cents=12300)
    Price.objects.filter(lookup_key="enterprise_monthly").update(
        volume_tiers=[[19, 22900], [None, 19900]]
    )

    with pytest.raises(CommandError, match="enterprise_monthly: 20 units would cost"):
        sync()

    assert shop.stripe_counts() == before


@pytest.mark.parametrize(
    "table",
    [[[19, 22900], [None, 19900]], [[4, 100]], [[None, 1], [None, 2]], ["x"], [[1]], {"a": 1}],
)
def test_the_admin_refuses_such_a_table_too(shop: Shop, table):
    price = Price.objects.get(lookup_key="enterprise_monthly")
    price.volume_tiers = table

    with pytest.raises(ValidationError):
        price.full_clean()


def test_a_price_with_both_an_amount_and_tiers_cannot_be_stored(shop: Shop):
    with pytest.raises(IntegrityError), transaction.atomic():
        Price.objects.filter(lookup_key="enterprise_monthly").update(unit_amount_cents=1)


def test_sync_says_so_when_stripe_is_away(shop: Shop):
    shop.fail_stripe("GET", "/v1/", kind="500", when="before", times=2)

    with pytest.raises(CommandError, match="run it again"):
        sync()


def test_our_totals_are_stripes_totals(shop: Shop):
    """The price page, the licence and Stripe compute from one table."""
    price = Price.objects.get(lookup_key="enterprise_monthly")

    for quantity in (1, 4, 5, 9, 10, 19, 20, 49, 50, 51, 1000):
        buyer = Buyer(shop)
        buyer.press_buy("enterprise_monthly", quantity=quantity)
        session = shop.newest_session()
        assert session["amount_total"] == price.total_cents(quantity)
