"""How a snapshot is made: built upon the one before, and repaired by the worker."""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
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
from tests.make import make_credential, make_license
from tests.pkgindex.exported import content
from tests.pkgindex.index_client import IndexClient
from tests.pkgindex.make import make_project, make_upload_token
from tests.pkgindex.uploader import Uploader

pytestmark = pytest.mark.django_db(transaction=True)


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
