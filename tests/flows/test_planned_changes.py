"""Less, or a lower tier, with the next period; until then it can be undone."""

from datetime import timedelta
from io import StringIO
from urllib.parse import urlencode, urlsplit

import pytest
from django.core.management import call_command
from django.utils import timezone

from billing.models import Payment, Price
from licenses.models import License, Tier
from tests.cards import OTHER_GOOD
from tests.flows.books import books_agree, pages
from tests.flows.changing import (
    act,
    change,
    confirm,
    customer,
    license,
    planned_at_stripe,
    preview,
    subscribed,
)
from tests.shop import Shop
from tests.standin.process import FORM


def set_block_price(lookup_key: str, cents: int) -> None:
    """A new amount for new buyers; who has the old one keeps it."""
    Price.objects.filter(lookup_key=lookup_key).update(volume_tiers=[[None, cents]])
    call_command("sync_catalog", stdout=StringIO())


def test_less_comes_with_the_next_period_without_credit(shop: Shop):
    subscription = subscribed(shop, "enterprise_monthly", 5)

    said = change(subscription, "enterprise_monthly", 2)
    shop.settle()
    subscription.refresh_from_db()
    assert "Planned" in said
    assert (subscription.planned_quantity, license().threads) == (2, 500)
    assert Payment.objects.count() == 1

    shop.advance(days=33)
    shop.settle()
    assert license().threads == 200
    assert Payment.objects.latest("pk").amount_cents == 2 * 26900
    books_agree(shop)


@pytest.mark.parametrize("block_cents", [20000, 60000])
def test_more_comes_at_once_and_less_later_whatever_became_of_the_price(
    shop: Shop, block_cents: int
):
    """He bought at $269 a block; a block costs less by now, or two cost more than his three."""
    subscription = subscribed(shop, "enterprise_monthly", 3)
    set_block_price("enterprise_monthly", block_cents)

    more = change(subscription, "enterprise_monthly", 5)
    shop.settle()
    assert "Changed. What you paid for is yours now." in more
    assert license().threads == 500

    less = change(subscription, "enterprise_monthly", 2)
    shop.settle()
    assert "Planned" in less
    assert license().threads == 500
    books_agree(shop)


@pytest.mark.parametrize(
    ("before", "after", "block_cents", "threads"),
    [
        (("enterprise_monthly", 3), ("enterprise_monthly", 5), 15000, 500),
        (("pro_monthly", 1), ("enterprise_monthly", 1), 5000, 100),
    ],
)
def test_more_that_costs_less_comes_with_the_next_period_without_credit(
    shop: Shop, before, after, block_cents: int, threads: int
):
    """A credit would stay beside a refund of the whole payment."""
    subscription = subscribed(shop, *before)
    paid, had = Payment.objects.get(), license()
    set_block_price("enterprise_monthly", block_cents)

    assert "Planned" in change(subscription, *after)
    shop.settle()

    assert Payment.objects.get() == paid
    assert (license().tier, license().threads) == (had.tier, had.threads)
    [buyer] = pages(shop, "/v1/customers")
    assert buyer["balance"] == 0
    shop.advance(days=33)
    shop.settle()
    assert license().threads == threads
    assert Payment.objects.latest("pk").amount_cents == after[1] * block_cents
    books_agree(shop)


def test_of_two_tiers_of_one_rank_the_dearer_is_more(shop: Shop):
    """The rank is 0 until the owner gives another."""
    Tier.objects.update(rank=0)
    subscription = subscribed(shop, "pro_monthly")

    change(subscription, "enterprise_monthly", 1)
    shop.settle()
    assert license().tier.slug == "enterprise"

    assert "Planned" in change(subscription, "pro_monthly")
    assert license().tier.slug == "enterprise"


@pytest.mark.parametrize("block_cents", [9900, 60000])
def test_a_higher_tier_that_costs_no_less_comes_at_once_and_a_lower_one_later(
    shop: Shop, block_cents: int
):
    subscription = subscribed(shop, "pro_monthly")
    set_block_price("enterprise_monthly", block_cents)

    change(subscription, "enterprise_monthly", 1)
    shop.settle()
    assert license().tier.slug == "enterprise"

    set_block_price("enterprise_monthly", 26900)
    assert "Planned" in change(subscription, "pro_monthly")
    assert license().tier.slug == "enterprise"


def test_a_planned_change_can_be_undone(shop: Shop):
    subscription = subscribed(shop, "enterprise_monthly", 5)
    change(subscription, "enterprise_monthly", 2)
    subscription.refresh_from_db()
    assert subscription.schedule_id

    act(subscription, "keep")
    shop.advance(days=33)
    shop.settle()

    subscription.refresh_from_db()
    assert (subscription.planned_price, license().threads) == (None, 500)


def test_a_plan_that_was_undone_can_be_confirmed_again_from_the_same_page(shop: Shop):
    subscription = subscribed(shop, "enterprise_monthly", 5)
    page = preview(subscription, "enterprise_monthly", 2)

    for _ in range(3):
        said = confirm(subscription, page)
        subscription.refresh_from_db()
        assert ("Planned." in said, subscription.planned_quantity) == (True, 2)
        act(subscription, "keep")
        subscription.refresh_from_db()
        assert subscription.planned_quantity is None

    assert shop.stripe_counts()["subscription_schedule"] == 3


def test_stripes_page_for_a_customer_who_was_deleted_there_says_so(shop: Shop):
    subscription = subscribed(shop, "pro_monthly")
    remote = shop.ask_stripe("GET", f"/v1/subscriptions/{subscription.stripe_id}")
    shop.ask_stripe("DELETE", f"/v1/customers/{remote['customer']}")

    for said in ("does not answer", "Your subscription was ended at our payment provider"):
        response = customer().post(
            f"/account/subscriptions/{subscription.pk}/billing/", follow=True
        )
        assert response.status_code == 200
        assert said in response.content.decode()
        shop.take()
        shop.work()

    assert license().status == License.Status.LAPSED


def test_a_cancellation_undoes_a_plan_that_we_did_not_hear_of(shop: Shop):
    subscription = subscribed(shop, "enterprise_monthly", 5)
    planned_at_stripe(shop, subscription, 2)

    act(subscription, "cancel")

    subscription.refresh_from_db()
    assert subscription.cancel_at == subscription.current_period_end


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_cancellation_that_fails_says_that_the_plan_is_undone(shop: Shop, when: str):
    subscription = subscribed(shop, "enterprise_monthly", 5)
    change(subscription, "enterprise_monthly", 2)
    shop.fail_stripe("POST", "/v1/subscriptions/", kind="500", when=when, times=2)

    path = f"/account/subscriptions/{subscription.pk}/cancel/"
    said = customer().post(path, follow=True).content.decode()
    shop.settle()

    assert "Your planned change is undone" in said
    subscription.refresh_from_db()
    assert subscription.planned_quantity is None
    assert (subscription.cancel_at is not None) == (when == "after")


@pytest.mark.parametrize("then", ["cancel", "more", "less"])
def test_after_a_planned_change_came_everything_is_possible_again(shop: Shop, then: str):
    """Stripe's schedule holds the subscription for one more period."""
    subscription = subscribed(shop, "enterprise_monthly", 5)
    change(subscription, "enterprise_monthly", 3)
    shop.advance(days=33)
    shop.settle()
    subscription.refresh_from_db()
    assert (subscription.quantity, subscription.planned_quantity) == (3, None)

    if then == "cancel":
        act(subscription, "cancel")
    else:
        change(subscription, "enterprise_monthly", 4 if then == "more" else 2)
    shop.settle()

    subscription.refresh_from_db()
    assert (subscription.cancel_at is not None) == (then == "cancel")
    assert license().threads == (400 if then == "more" else 300)
    assert subscription.planned_quantity == (2 if then == "less" else None)
    shop.advance(days=33)
    shop.settle()
    assert license().threads == {"cancel": 300, "more": 400, "less": 200}[then]
    books_agree(shop)


def test_yearly_to_monthly_and_enterprise_to_pro_wait_for_the_period(shop: Shop):
    subscription = subscribed(shop, "enterprise_yearly", 1)

    change(subscription, "pro_monthly")
    assert license().tier.slug == "enterprise"

    shop.advance(days=367)
    shop.settle()
    assert license().tier.slug == "pro"
    books_agree(shop)


def test_a_year_of_less_after_a_month_is_billed_as_a_year(shop: Shop):
    """Stripe keeps the months' anchor unless it is told not to, and bills nothing till then."""
    subscription = subscribed(shop, "enterprise_monthly", 20)

    assert "Planned" in change(subscription, "enterprise_yearly", 3)
    shop.advance(days=33)
    shop.settle()

    assert Payment.objects.latest("pk").amount_cents == 3 * 269000
    assert license().threads == 300
    assert license().paid_through > timezone.now() + timedelta(days=360)
    books_agree(shop)


def test_a_card_that_is_changed_after_a_change_was_planned_pays_for_it(shop: Shop):
    subscription = subscribed(shop, "enterprise_monthly", 3)
    change(subscription, "enterprise_monthly", 1)
    page = customer().post(f"/account/subscriptions/{subscription.pk}/billing/")["Location"]

    card = {"card_number": OTHER_GOOD, "exp": "12/34", "cvc": "123"}
    typed = {"action": "card", "name": "Buyer", "country": "US", **card}
    shop.standin.request("POST", urlsplit(page).path, urlencode(typed), FORM)
    shop.settle()
    subscription.refresh_from_db()
    assert subscription.card_last4 == "4444"
    shop.advance(days=33)
    shop.settle()

    subscription.refresh_from_db()
    assert (subscription.status, subscription.card_last4) == ("active", "4444")
    assert Payment.objects.values("card_fingerprint").distinct().count() == 2


def test_a_card_that_is_made_the_customers_own_is_heard_of(shop: Shop):
    """As in the Dashboard; the subscription itself does not change, and nothing is said of it."""
    subscription = subscribed(shop, "enterprise_monthly", 3)
    change(subscription, "enterprise_monthly", 1)
    shop.settle()
    remote = shop.ask_stripe("GET", f"/v1/subscriptions/{subscription.stripe_id}")
    whose = f"/v1/customers/{remote['customer']}"
    method = "/v1/payment_methods/pm_card_mastercard/attach"
    card = shop.ask_stripe("POST", method, f"customer={remote['customer']}")["id"]

    shop.ask_stripe("POST", whose, f"invoice_settings[default_payment_method]={card}")
    shop.settle()

    subscription.refresh_from_db()
    assert (remote["default_payment_method"], subscription.card_last4) == (None, "4444")
