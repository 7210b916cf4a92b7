"""What several of these tests begin with."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from billing.models import Offer, Price
from licenses.models import Tier
from tests.shop import Shop


@pytest.fixture
def owner(db: None, settings) -> Client:
    """Signed in, in a shop that asks for no second factor."""
    settings.OWNER_NEEDS_SECOND_FACTOR = False
    client = Client()
    client.force_login(get_user_model().objects.create_superuser(email="owner@shop.example"))
    return client


@pytest.fixture
def catalog(db: None) -> dict[str, Price]:
    """The demo's prices by lookup key, not at Stripe."""
    call_command("demo_catalog", verbosity=0)
    return {price.lookup_key: price for price in Price.objects.select_related("tier__product")}


@pytest.fixture
def offer(shop: Shop) -> Offer:
    """From tomorrow on, for two days."""
    tomorrow = timezone.now().date() + timedelta(days=1)
    tier = Tier.objects.get(product__slug="hare", slug="pro")
    price = Price.objects.create(
        tier=tier, lookup_key="autumn", interval="year", unit_amount_cents=79500, is_on_sale=False
    )
    return Offer.objects.create(
        name="Autumn",
        price=price,
        hypothesis="Ten more will come.",
        starts_on=tomorrow,
        ends_on=tomorrow + timedelta(days=1),
    )
