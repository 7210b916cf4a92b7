"""Cancel at the end of the period, and take it back."""

import pytest

from billing.models import Payment
from licenses.models import License
from tests.flows.books import books_agree
from tests.flows.changing import act, customer, license, subscribed
from tests.shop import Shop


def test_cancel_keeps_everything_until_the_date_and_resume_takes_it_back(shop: Shop):
    subscription = subscribed(shop, "pro_monthly")

    act(subscription, "cancel")
    subscription.refresh_from_db()
    assert subscription.cancel_at == subscription.current_period_end
    assert license().status == License.Status.ACTIVE

    act(subscription, "resume")
    shop.advance(days=33)
    shop.settle()

    subscription.refresh_from_db()
    assert subscription.cancel_at is None
    assert license().rev == 2  # renewed
    books_agree(shop)


def test_canceled_ends_at_the_date(shop: Shop):
    subscription = subscribed(shop, "pro_monthly")
    act(subscription, "cancel")

    shop.advance(days=33)
    shop.settle()

    assert license().status == License.Status.LAPSED
    assert Payment.objects.count() == 1
    books_agree(shop)


@pytest.mark.parametrize("verb", ["cancel", "resume"])
def test_the_same_press_twice_is_the_same(shop: Shop, verb: str):
    subscription = subscribed(shop, "pro_monthly")

    act(subscription, verb)
    act(subscription, verb)
    shop.settle()

    subscription.refresh_from_db()
    assert (subscription.cancel_at is not None) == (verb == "cancel")


def test_a_canceled_subscription_is_not_changed(shop: Shop):
    subscription = subscribed(shop, "enterprise_monthly", 1)
    act(subscription, "cancel")

    response = customer().get(
        f"/account/subscriptions/{subscription.pk}/change/",
        {"price": "enterprise_monthly", "quantity": 2},
        follow=True,
    )

    assert "take that back first" in response.content.decode()
