"""A change is seen by the next request; the index asks nothing but its snapshot."""

import os
import resource
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from licenses import credentials, status
from licenses.generation import raise_generation
from licenses.models import License, Tier
from pkgindex.snapshot import repair_snapshot, snapshot_path
from tests.make import make_credential, make_license, make_tier
from tests.pkgindex.index_client import IndexClient
from tests.pkgindex.make import make_file, make_project, make_release, make_upload_token, url_of
from tests.pkgindex.uploader import Uploader

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def wheel_url(pro: Tier) -> str:
    return url_of(make_file(make_release(make_project(tiers=[pro]))))


def test_a_purchase_is_seen_by_the_next_request(pro: Tier, wheel_url: str):
    _, key = make_credential(make_license(tier=pro).customer)

    assert IndexClient(key).get_as_exported(wheel_url).status == 200


def test_a_refund_is_seen_by_the_next_request(
    holder: IndexClient, license: License, wheel_url: str
):
    raise_generation()
    assert holder.get_as_exported(wheel_url).status == 200

    status.revoke_license(license.pk, at=timezone.now(), reason="refund")

    assert holder.get_as_exported(wheel_url).status == 402


def test_a_revoked_key_is_refused_by_the_next_request(license: License):
    credential, key = make_credential(license.customer)
    client = IndexClient(key)
    assert client.get_as_exported("/simple/").status == 200

    credentials.revoke_credential(credential.pk, at=timezone.now())

    assert client.get_as_exported("/simple/").status == 401


def test_a_key_that_expires_needs_no_new_snapshot(license: License, time_machine: Any):
    credential, key = make_credential(license.customer)
    type(credential).objects.update(expires_at=timezone.now() + timedelta(minutes=1))
    client = IndexClient(key)
    assert client.get("/simple/").status == 200

    time_machine.move_to(timezone.now() + timedelta(minutes=1))

    assert client.get_as_exported("/simple/").status == 401


def test_a_published_release_is_seen_by_the_next_request(stranger: IndexClient):
    make_project("hare", is_public=True)
    uploader = Uploader(make_upload_token()[1])
    for version in ("1.0", "1.1"):
        assert uploader.wheel("hare", version).status == 200

        page = stranger.get_as_exported(
            "/simple/hare/", accept="application/vnd.pypi.simple.v1+json"
        )

        assert page.json()["versions"][-1] == version


def test_what_was_rolled_back_is_never_exported(license: License):
    raise_generation()
    before = snapshot_path().stat().st_mtime_ns

    def fail(execute: Any, sql: str, *args: Any) -> Any:
        if sql.startswith("INSERT"):
            raise OperationalError("database is locked")
        return execute(sql, *args)

    with connection.execute_wrapper(fail), pytest.raises(OperationalError):
        make_credential(license.customer)

    assert snapshot_path().stat().st_mtime_ns == before


def test_nothing_is_asked_of_the_database(
    holder: IndexClient, wheel_url: str, django_assert_num_queries: Any
):
    raise_generation()

    with django_assert_num_queries(0):
        assert holder.get_as_exported("/simple/").status == 200
        assert holder.get_as_exported("/simple/hare-pro/").status == 200
        assert holder.get_as_exported(wheel_url).status == 200
        assert IndexClient("wb_ix_wrong").get_as_exported(wheel_url).status == 401


def test_a_snapshot_that_cannot_be_read_is_passed_over(stranger: IndexClient):
    make_project("hare", is_public=True)
    assert stranger.get_as_exported("/simple/hare/").status == 200

    replacement = snapshot_path().with_suffix(".new")
    replacement.write_bytes(b"half")
    replacement.replace(snapshot_path())
    assert stranger.get_as_exported("/simple/hare/").status == 200
    snapshot_path().unlink()
    assert stranger.get_as_exported("/simple/hare/").status == 200


def test_a_snapshot_that_could_not_be_opened_is_tried_again(license: License):
    """Else a process that once had too many files open would not hear of a revocation."""
    credential, key = make_credential(license.customer)
    client = IndexClient(key)
    assert client.get_as_exported("/simple/").status == 200
    credentials.revoke_credential(credential.pk, at=timezone.now())
    with no_file_can_be_opened():
        assert client.get_as_exported("/simple/").status == 200

    time.sleep(1.05)

    assert client.get_as_exported("/simple/").status == 401


@contextmanager
def no_file_can_be_opened() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could take it away from the shop")
def test_what_root_exports_by_hand_belongs_to_the_shop(tmp_path: Path):
    """Else the index could not read what `sudo manage.py yank` wrote, nor the shop replace it."""
    os.chown(tmp_path, 65534, 65534)

    repair_snapshot(timezone.now())

    written = [snapshot_path().parent, *snapshot_path().parent.iterdir()]
    assert {path.name for path in written} == {"index", "exporting", "snapshot.sqlite3"}
    assert {(path.stat().st_uid, path.stat().st_gid) for path in written} == {(65534, 65534)}


def test_without_any_snapshot_the_first_request_makes_one(stranger: IndexClient):
    make_project("hare", is_public=True)
    snapshot_path().unlink()

    assert stranger.get_as_exported("/simple/hare/").status == 200


def test_a_snapshot_of_an_earlier_release_is_made_anew_by_the_first_request(stranger: IndexClient):
    make_project("hare", is_public=True)
    raise_generation()
    with closing(sqlite3.connect(snapshot_path())) as database, database:
        database.execute("UPDATE meta SET value = '1' WHERE name = 'format'")

    assert stranger.get_as_exported("/simple/hare/").status == 200


def test_without_snapshot_and_database_it_is_503_and_not_a_wrong_answer(stranger: IndexClient):
    def fail(*args: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with connection.execute_wrapper(fail):
        reply = stranger.get_as_exported("/simple/hare/")

    assert reply.status == 503
    assert reply.headers["Retry-After"] == "5"


def test_workers_take_a_new_snapshot_over_without_a_dropped_request(
    holder: IndexClient, license: License
):
    raise_generation()
    stop, statuses = threading.Event(), set()

    def ask() -> None:
        client = IndexClient(holder.key)
        while not stop.is_set():
            statuses.add(client.get_as_exported("/simple/").status)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(20):
        make_credential(license.customer, str(number)) if number < 15 else raise_generation()
    stop.set()
    for thread in threads:
        thread.join()

    assert statuses == {200}


def test_the_snapshot_holds_no_secret(license: License):
    _, key = make_credential(license.customer)

    content = snapshot_path().read_bytes()

    assert key.encode() not in content
    assert license.customer.contacts.get().email.encode() not in content


def test_a_tier_without_licenses_and_an_empty_catalog_are_no_trouble(stranger: IndexClient):
    make_tier("pro")

    assert stranger.page("/simple/")["projects"] == []


def test_a_file_that_is_gone_from_the_storage_is_no_wrong_answer(
    holder: IndexClient, wheel_url: str, tmp_path: Path
):
    """Never 404, which would send some installers to the next index."""
    for file in (tmp_path / "files").rglob("*.whl*"):
        file.unlink()

    assert holder.get(wheel_url).status == 503
    assert holder.get(f"{wheel_url}.metadata").status == 503
