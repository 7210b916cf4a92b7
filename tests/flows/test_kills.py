"""kill -9 at any moment: nothing acknowledged is lost, nothing is doubled."""

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from billing.models import DirtyObject, StripeEvent
from licenses.models import Credential, License
from outbox.claims import LEASE
from outbox.models import Mail
from tests.flows.processes import kill_after
from tests.shop import Buyer, Shop

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]
KILLS = 25
LONGEST_SECONDS = 0.15  # about what the worker needs for one purchase


def test_a_worker_killed_anywhere_leaves_what_the_next_one_finishes(shop: Shop, tmp_path, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path
    chance = random.Random(7)
    killed = 0

    for number in range(KILLS):
        buyer = Buyer(shop, email=f"dev{number}@company.example")
        buyer.pay(buyer.press_buy("pro_monthly")["Location"])
        assert set(shop.deliver()) == {200}
        killed += kill_after(chance.uniform(0, LONGEST_SECONDS), shop.work)

    # Leases of the dead run out by the clock; what failed meanwhile is due again by then.
    shop.clock.move_to(timezone.now() + LEASE + timedelta(hours=2))
    shop.work()

    assert killed > KILLS // 4, "the kills came too late to mean anything"
    assert License.objects.count() == Credential.objects.count() == KILLS
    assert License.objects.filter(rev=1).count() == KILLS
    assert Mail.objects.filter(sent_at__isnull=False).count() == KILLS
    sent = "".join(file.read_text() for file in tmp_path.iterdir()).count("Message-ID:")
    assert KILLS <= sent <= KILLS + killed
    assert not DirtyObject.objects.exclude(due_at=None).exists()


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
