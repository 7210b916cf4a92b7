"""What several of these tests begin with."""

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client

from billing.models import Price


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
