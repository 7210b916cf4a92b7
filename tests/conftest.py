"""Fixtures that every test may ask for."""

import os
from collections.abc import Iterator
from importlib import import_module
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection, connections
from time_machine import TimeMachineFixture

from licenses.models import OwnerAct
from pkgindex.snapshot import snapshot_path
from pkgindex.usage import spool_folder
from tests.shop import Shop
from tests.standin.process import StandIn, start_standin


def pytest_itemcollected(item: pytest.Item) -> None:
    """Every test that may use the database may use both: what the worker does needs both."""
    marker = item.get_closest_marker("django_db")
    if marker is None or "databases" not in marker.kwargs:
        both = {**(marker.kwargs if marker else {}), "databases": ["default", "volatile"]}
        if marker or {"db", "transactional_db"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.django_db(**both), append=False)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """On PostgreSQL `volatile` is a mirror, whose connection Django leaves open at the end."""
    yield
    connections["volatile"].close()


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    """Rate limits of sign-in live in the cache."""
    cache.clear()


@pytest.fixture(autouse=True)
def _nothing_was_fetched() -> None:
    """What the index noted in other tests, of keys whose numbers are given anew in this one."""
    for notes in spool_folder().glob("*"):
        os.truncate(notes, 0)  # the index has it open


@pytest.fixture(autouse=True)
def _no_snapshot_of_another_test() -> None:
    """It would be newer than this test's database."""
    snapshot_path().unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def _acts_can_be_flushed(request: pytest.FixtureRequest) -> Iterator[None]:
    """SQLite's flush deletes rows, which a trigger forbids for the owner's acts."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None or not marker.kwargs.get("transaction") or connection.vendor != "sqlite":
        yield
        return
    request.getfixturevalue("transactional_db")  # flushes after this one is done
    yield
    if OwnerAct.objects.exists():
        acts = import_module("licenses.migrations.0007_owner_acts_are_only_added")
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER owner_acts_stay_delete")
            cursor.execute(f"DELETE FROM {acts.TABLE}")
            cursor.execute(acts.SQLITE[1])


@pytest.fixture(scope="session")
def standin_process() -> Iterator[StandIn]:
    """One stand-in per test process, in a process of its own."""
    with start_standin(
        webhook_url="http://testserver/stripe/webhook/",
        webhook_secret=django_settings.STRIPE_WEBHOOK_SECRETS[0],
    ) as standin:
        yield standin


@pytest.fixture
def standin(standin_process: StandIn, settings: object, socket_enabled: None) -> StandIn:
    """An empty stand-in that holds its events back, behind the real SDK."""
    settings.STRIPE_API_BASE = standin_process.base_url  # type: ignore[attr-defined]
    standin_process.reset()
    standin_process.hold()
    return standin_process


@pytest.fixture
def shop(db: None, standin: StandIn, time_machine: TimeMachineFixture) -> Shop:
    """The demo's catalog, at Stripe too, and everything a story needs."""
    return Shop.open(standin, time_machine)


@pytest.fixture
def root_key(tmp_path: Path, settings: object) -> Path:
    """A signing key, made as the owner makes it, and set."""
    file = tmp_path / "root.pem"
    call_command("make_root_key", str(file), stdout=StringIO(), stderr=StringIO())
    settings.LICENSE_ROOT_KEY_FILE = str(file)  # type: ignore[attr-defined]
    return file
