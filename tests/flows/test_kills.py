"""kill -9 at any moment: nothing acknowledged is lost, nothing is doubled."""

import random

import pytest

from billing.models import StripeEvent
from licenses.models import License
from tests.flows.kills import BUYERS, Kills
from tests.flows.processes import kill_after
from tests.shop import Buyer, Shop

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


def test_whatever_is_killed_is_done_once_by_whoever_comes_next(shop: Shop, tmp_path, settings):
    """More: `python -m bench.kills 1000`."""
    settings.EMAIL_BACKEND = "tests.flows.kills.Backend"
    settings.EMAIL_FILE_PATH = tmp_path
    kills = Kills(shop, tmp_path, seed=7)

    kills.serve()

    assert kills.killed > BUYERS, "the kills came too late to mean anything"


def test_a_webhook_killed_anywhere_is_kept_whole_or_not_at_all(shop: Shop):
    chance = random.Random(11)
    buyer = Buyer(shop)
    buyer.pay(buyer.press_buy("pro_monthly")["Location"])
    deliveries = shop.take()

    for delivery in deliveries * 2:
        kill_after(chance.uniform(0, 0.03), lambda one=delivery: shop.post(one))  # type: ignore[misc]
    for event in StripeEvent.objects.filter(type="customer.subscription.created"):
        assert event.about is not None
        assert event.about.hints >= 1
    for delivery in deliveries:  # Stripe sends again what was not answered
        shop.post(delivery)
    shop.work()

    assert StripeEvent.objects.count() == len(deliveries)
    assert License.objects.count() == 1
