"""A replica takes a snapshot over before all files that it lists have come."""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from wsgiref.validate import validator

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from licenses.credentials import revoke_credential
from licenses.models import Tier
from pkgindex.index.health import Health
from pkgindex.index.snapshot import Snapshots, Unavailable
from pkgindex.index.standalone import make_index
from pkgindex.index.taking_over import main, take_over
from pkgindex.models import File
from pkgindex.snapshot import export_snapshot, snapshot_path
from tests.make import make_credential, make_license
from tests.pkgindex.index_client import JSON, IndexClient, Reply
from tests.pkgindex.make import add_provenance, make_file, make_project, make_release, url_of

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

pytestmark = pytest.mark.django_db


class _Client(IndexClient):
    """Asks a replica."""

    def __init__(self, replica: "WSGIApplication", key: str = "") -> None:
        super().__init__(key)
        self.__dict__["_application"] = validator(replica)


@dataclass
class Replica:
    """A folder into which a test pulls, as slowly as it likes."""

    root: Path

    def __post_init__(self) -> None:
        self.files, self.snapshot = self.root / "files", self.root / "snapshot.sqlite3"
        self.files.mkdir(parents=True)
        self.index = make_index(self.snapshot, self.files)

    def pull(self, *files: File, **options: float) -> int:
        """The snapshot, and these files of it; how many it waits for."""
        for file in files:
            for path in file.paths:
                (self.files / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(default_storage.path(path), self.files / path)
        export_snapshot()
        shutil.copy2(snapshot_path(), self.root / "pulled.sqlite3")
        return take_over(self.root / "pulled.sqlite3", self.snapshot, self.files, **options)

    def get(self, path: str, key: str = "", **headers: str) -> Reply:
        return _Client(self.index, key).get_as_exported(path, **headers)

    def listed(self, project: str) -> list[str]:
        files = self.get(f"/simple/{project}/", accept=JSON).json()["files"]
        return [file["filename"] for file in files]


@pytest.fixture
def replica(tmp_path: Path) -> Replica:
    return Replica(tmp_path / "replica")


@pytest.fixture
def file(db: None) -> File:
    return make_file(make_release(make_project("hare", is_public=True)))


def test_what_has_not_come_is_not_listed_until_it_comes(replica: Replica, file: File):
    replica.pull(file)
    newer = make_file(make_release(file.release.project, "2.0"))

    counts = [replica.pull()]
    page = replica.get("/simple/hare/", accept=JSON)
    counts.append(replica.pull(newer))
    later = replica.get("/simple/hare/", accept=JSON, if_none_match=page.headers["ETag"])

    assert counts == [1, 0]
    assert [entry["filename"] for entry in page.json()["files"]] == [file.filename]
    assert later.status == 200  # the page that was kept is another one
    assert replica.listed("hare") == [file.filename, newer.filename]
    assert replica.get(url_of(newer)).status == 200


def test_a_key_is_refused_while_files_are_awaited(replica: Replica, file: File, pro: Tier):
    credential, key = make_credential(make_license(tier=pro).customer)
    replica.pull(file)
    before = replica.get("/simple/", key).status

    make_file(make_release(make_project("large", is_public=True)))
    revoke_credential(credential.pk, at=timezone.now())
    count = replica.pull()

    assert (before, count, replica.get("/simple/", key).status) == (200, 1, 401)
    assert replica.get("/simple/large/", accept=JSON).json()["files"] == []


@pytest.mark.parametrize("place", [0, 1, 2], ids=["the file", "its metadata", "its provenance"])
def test_half_a_file_has_not_come(replica: Replica, file: File, place: int):
    """A killed upload left it on the first host, and it was pulled before the whole one."""
    replica.pull(file)
    newer = make_file(make_release(file.release.project, "2.0"))
    add_provenance(newer)
    for number, path in enumerate(newer.paths):
        content = Path(default_storage.path(path)).read_bytes()
        (replica.files / path).parent.mkdir(parents=True, exist_ok=True)
        (replica.files / path).write_bytes(content[:-1] if number == place else content)

    assert replica.pull() == 1
    assert replica.listed("hare") == [file.filename]
    assert replica.pull(newer) == 0


def test_a_file_of_other_bytes_has_not_come(replica: Replica, file: File):
    path = replica.files / file.path
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(file.size))

    assert replica.pull() == 1
    assert not replica.snapshot.exists()


def test_nothing_is_served_before_all_files_of_the_first_snapshot_came(
    replica: Replica, file: File
):
    newer = make_file(make_release(file.release.project, "2.0"))

    counts, statuses = [], []
    for come in ([], [file], [newer]):
        counts.append(replica.pull(*come, patience=-1.0))
        statuses.append(replica.get("/simple/hare/").status)

    assert counts == [2, 1, 0]
    assert statuses == [503, 503, 200]


def test_a_file_that_was_listed_and_is_lost_stays_listed(replica: Replica, file: File):
    replica.pull(file)
    (replica.files / file.path).unlink()
    make_release(file.release.project, "2.0")

    assert replica.pull() == 0
    assert replica.get(url_of(file)).status == 503


def test_files_that_take_long_to_look_at_are_left_for_the_next_time(replica: Replica, file: File):
    replica.pull(file)
    newer = make_file(make_release(file.release.project, "2.0"))

    assert replica.pull(newer, patience=-1.0) == 1
    assert replica.listed("hare") == [file.filename]
    assert replica.pull() == 0
    assert replica.listed("hare") == [file.filename, newer.filename]


def test_where_nothing_changed_nothing_is_written(replica: Replica, file: File):
    replica.pull(file)
    make_file(make_release(file.release.project, "2.0"))
    replica.pull()
    before = replica.snapshot.stat()

    again = take_over(replica.root / "pulled.sqlite3", replica.snapshot, replica.files)

    assert again == 1
    assert replica.snapshot.stat() == before


def test_what_cannot_be_read_changes_nothing(
    replica: Replica, file: File, capsys: pytest.CaptureFixture[str]
):
    replica.pull(file)
    before, pulled = replica.snapshot.read_bytes(), replica.root / "pulled.sqlite3"
    pulled.write_bytes(before[: len(before) // 2])
    options = ["--pulled", str(pulled), "--snapshot", str(replica.snapshot)]

    with pytest.raises(Unavailable):
        take_over(pulled, replica.snapshot, replica.files)

    assert main([*options, "--files", str(replica.files)]) == 1
    assert "What was pulled is not taken over" in capsys.readouterr().err
    assert replica.snapshot.read_bytes() == before
    assert sorted(path.name for path in replica.root.iterdir()) == [
        "files", "pulled.sqlite3", "snapshot.sqlite3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(59, b"ok\n"), (61, b"Files that were published 61 minutes ago did not come\n")],
)
def test_a_file_that_never_comes_is_told_to_the_monitor(
    replica: Replica, file: File, minutes: int, said: bytes
):
    replica.pull(file)
    make_file(make_release(file.release.project, "2.0"))
    replica.pull()
    health = Health(
        Snapshots(replica.snapshot), None, clock=lambda: time.time() + minutes * 60 + 10
    )
    client = _Client(make_index(replica.snapshot, replica.files).in_front_of(health))

    assert client.get_as_exported("/healthz").body == said


def test_what_a_killed_one_left_behind_is_cleared_an_hour_later(replica: Replica, file: File):
    old, young = (replica.root / f".taken-{name}" for name in ("old", "young"))
    for leftover in (old, young):
        leftover.write_bytes(b"half a snapshot")
    os.utime(old, (time.time() - 3700,) * 2)

    replica.pull(file)

    assert not old.exists()
    assert young.exists()
