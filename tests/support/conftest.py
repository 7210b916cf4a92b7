import pytest
from django.test import Client
from time_machine import TimeMachineFixture

from licenses.models import Customer, User
from tests.support.desk import MONDAY, make_licensed


@pytest.fixture
def monday(time_machine: TimeMachineFixture) -> TimeMachineFixture:
    """It is Monday, 3 August 2026, 10:00 UTC."""
    time_machine.move_to(MONDAY, tick=False)
    return time_machine


@pytest.fixture(autouse=True)
def _own_files(settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"


@pytest.fixture
def owner(settings) -> Client:
    settings.OWNER_NEEDS_SECOND_FACTOR = False
    client = Client()
    client.force_login(User.objects.create_superuser("owner@shop.example"))
    return client


@pytest.fixture
def customer() -> Customer:
    return make_licensed("dev@company.example")
