"""A license that counts, whoever asks about it, and the owner in his admin."""

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from licenses.credentials import create_lease_credential
from licenses.models import License, User
from tests.licenses.api import ApiClient
from tests.licenses.leasing import limited


@pytest.fixture
def license() -> License:
    return limited(100)


@pytest.fixture
def api(license: License) -> ApiClient:
    return ApiClient(create_lease_credential(license.pk, name="prod", at=timezone.now())[1])


@pytest.fixture
def owner(client: Client, settings: Settings) -> Client:
    settings.OWNER_NEEDS_SECOND_FACTOR = False
    client.force_login(User.objects.create_superuser("owner@shop.example", "owner's password"))
    return client
