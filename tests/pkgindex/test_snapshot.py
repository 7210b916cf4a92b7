"""The snapshot: who makes it, when it is seen, and what happens when it is not there."""

import os
import resource
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from licenses import credentials, status
from licenses.generation import Change, current_generation, raise_generation
from licenses.models import Credential, Generation, License, Tier
from pkgindex.models import Project, Release, ReservedName
from pkgindex.projects import set_project_status
from pkgindex.snapshot import exporting, repair_snapshot, snapshot_path
from pkgindex.staging import release_staged
from pkgindex.yanking import unyank_release, yank_release
from tests.make import make_credential, make_license, make_tier
from tests.pkgindex.index_client import IndexClient
from tests.pkgindex.make import make_file, make_project, make_release, make_upload_token, url_of
from tests.pkgindex.uploader import Uploader

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def wheel_url(pro: Tier) -> str:
    return url_of(make_file(make_release(make_project(tiers=[pro]))))


# --- a change is seen by the next request, while nothing else runs ----------------------------


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


# --- what was published takes the credentials over from the snapshot before --------------------


def content() -> dict[str, list[Any]]:
    """All rows of the snapshot, but for the moment it was made at."""
    with closing(sqlite3.connect(snapshot_path())) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema")]
        found = {
            table: database.execute(f"SELECT * FROM {table}").fetchall()
            for table in tables
            if not table.startswith("sqlite_")
        }
    return found | {"meta": [row for row in found["meta"] if row[0] != "made_at"]}


def test_after_each_change_of_the_catalog_it_is_as_if_all_were_read(pro: Tier, settings: Any):
    settings.STAGE_RELEASES = True
    for number in range(3):
        make_credential(make_license(tier=pro, source=f"owner:{number}").customer)
    ReservedName.objects.create(normalized_name="hare", is_prefix=True)
    uploader, at = Uploader(make_upload_token()[1]), timezone.now()

    def publish(version: str) -> None:
        assert uploader.wheel("hare-pro", version).status == 200

    changes: list[Callable[[], object]] = [
        lambda: make_project(tiers=[pro]),
        lambda: publish("1.0"),
        lambda: publish("2.0"),
        lambda: release_staged(Release.objects.get(version="1.0").pk, at=at),
        lambda: yank_release(Release.objects.get(version="1.0").pk, reason="broken", at=at),
        lambda: unyank_release(Release.objects.get(version="1.0").pk),
        lambda: set_project_status(Project.objects.get().pk, "deprecated", reason="old"),
        lambda: make_project("other", is_public=True),
    ]
    for change in changes:
        change()
        told = content()
        exporting.export_snapshot()
        assert told == content(), changes.index(change)
        assert len(told["credential"]) == 3


def test_no_credential_is_read_when_a_file_is_published(pro: Tier):
    make_project("hare", tiers=[pro])
    make_credential(make_license(tier=pro).customer)
    uploader = Uploader(make_upload_token()[1])

    with CaptureQueriesContext(connection) as asked:
        assert uploader.wheel("hare").status == 200

    assert not any("licenses_credential" in query["sql"] for query in asked)


def test_a_revocation_that_nobody_exported_is_seen_when_a_file_is_published(
    license: License, monkeypatch: pytest.MonkeyPatch
):
    """Its process was killed after the commit; this one knows of a change in between."""
    make_project("hare")
    uploader = Uploader(make_upload_token()[1])
    credential, key = make_credential(license.customer)
    with monkeypatch.context() as killed:
        killed.setattr("licenses.generation._observers", [])
        credentials.revoke_credential(credential.pk, at=timezone.now())

    uploader.wheel("hare")

    assert IndexClient(key).get_as_exported("/simple/").status == 401


def test_a_revocation_between_a_publication_and_its_export_is_seen(
    license: License, monkeypatch: pytest.MonkeyPatch
):
    credential, key = make_credential(license.customer)
    raise_generation(of_rights=False)
    published = Change(current_generation(), of_rights=False)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr("licenses.generation._observers", [])
        credentials.revoke_credential(credential.pk, at=timezone.now())

    exporting.export_snapshot(published)

    assert IndexClient(key).get_as_exported("/simple/").status == 401


def test_rights_of_a_database_that_its_backup_replaced_are_not_taken_over(license: License):
    """The snapshot is of later than the backup; something is published before `work` looks."""
    _, key = make_credential(license.customer)
    assert IndexClient(key).get_as_exported("/simple/").status == 200
    Credential.objects.all().delete()  # the backup is of before
    Generation.objects.update(number=current_generation() - 1)

    raise_generation(of_rights=False)

    assert IndexClient(key).get_as_exported("/simple/").status == 401


def test_publishing_makes_the_rights_no_younger(license: License, time_machine: Any):
    """What nobody announced, e.g. a tier's new name, is still read an hour later."""
    make_credential(license.customer)
    began = timezone.now()
    time_machine.move_to(began + timedelta(minutes=50))
    raise_generation(of_rights=False)
    assert repair_snapshot(timezone.now()) == 0

    time_machine.move_to(began + timedelta(minutes=61))

    assert repair_snapshot(timezone.now()) == 1


@pytest.mark.parametrize("harm", ["missing", "broken"])
def test_publishing_makes_a_snapshot_anew_that_cannot_be_built_upon(
    stranger: IndexClient, harm: str
):
    make_project("hare", is_public=True)
    if harm == "missing":
        snapshot_path().unlink()
    else:
        snapshot_path().write_bytes(b"no snapshot")

    raise_generation(of_rights=False)

    assert stranger.get_as_exported("/simple/hare/").status == 200


def test_sentences_with_an_address_that_is_no_more_are_not_taken_over(
    license: License, settings: Any
):
    make_credential(license.customer)
    status.lapse_license(license.pk, at=timezone.now(), reason="test")
    assert "see http://testserver/" in str(content()["sentence"])

    settings.BASE_URL = "https://new.example"
    raise_generation(of_rights=False)

    assert "see https://new.example/" in str(content()["sentence"])


# --- the worker repairs -----------------------------------------------------------------------


def test_the_worker_makes_the_snapshot_that_a_killed_process_did_not(
    license: License, monkeypatch: pytest.MonkeyPatch
):
    credential, key = make_credential(license.customer)
    with monkeypatch.context() as killed:
        killed.setattr("licenses.generation._observers", [])
        credentials.revoke_credential(credential.pk, at=timezone.now())
    assert IndexClient(key).get_as_exported("/simple/").status == 200

    made = [repair_snapshot(timezone.now()), repair_snapshot(timezone.now())]

    assert made == [1, 0]
    assert IndexClient(key).get_as_exported("/simple/").status == 401


def test_the_worker_repairs_what_is_missing_broken_old_or_of_other_settings(settings: Any):
    raise_generation()
    assert repair_snapshot(timezone.now()) == 0

    snapshot_path().unlink()
    assert repair_snapshot(timezone.now()) == 1
    snapshot_path().write_bytes(b"SQLite format 3\0, but no more")
    assert repair_snapshot(timezone.now()) == 1
    settings.INDEX_UPSTREAM = "https://upstream.example/simple"
    assert repair_snapshot(timezone.now()) == 1
    assert repair_snapshot(timezone.now() + exporting.MADE_ANEW_EVERY) == 1


@pytest.mark.parametrize("days", [-400, 400])
def test_a_clock_that_was_set_makes_it_anew_once(days: int, time_machine: Any):
    raise_generation()
    time_machine.move_to(timezone.now() + timedelta(days=days))

    made = [repair_snapshot(timezone.now()), repair_snapshot(timezone.now())]

    assert made == [1, 0]


def test_a_disk_that_is_full_stops_no_change_and_keeps_the_snapshot(
    license: License, monkeypatch: pytest.MonkeyPatch
):
    raise_generation()
    before = snapshot_path().read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    make_credential(license.customer)

    assert snapshot_path().read_bytes() == before
    assert list(snapshot_path().parent.glob(".snapshot-*")) == []


# --- the index asks nothing else --------------------------------------------------------------


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
