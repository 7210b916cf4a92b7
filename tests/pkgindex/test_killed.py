"""kill -9 at any moment, torn files, a full disk: nothing is listed that is not whole, and nothing
is stored for ever that is not listed.
"""

import hashlib
import os
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone

from pkgindex.models import File, Release, UsedFilename
from pkgindex.snapshot import export_snapshot, snapshot_folder, snapshot_path
from pkgindex.sweeping import sweep_leftovers
from tests.flows.processes import kill_after
from tests.pkgindex.index_client import IndexClient
from tests.pkgindex.make import make_file, make_project, make_release, make_upload_token, url_of
from tests.pkgindex.uploader import Uploader
from tests.pkgindex.wheels import record_of, wheel_files, zip_of

pytestmark = pytest.mark.django_db(transaction=True)

LATER = timedelta(days=2)


@pytest.fixture(autouse=True)
def uploads(settings: Any, tmp_path: Path) -> Path:
    """Where bodies of uploads lie while they come in."""
    folder = tmp_path / "uploads"
    folder.mkdir()
    settings.FILE_UPLOAD_TEMP_DIR = folder
    return folder


def stored() -> set[str]:
    root = Path(default_storage.path(""))
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def listed() -> set[str]:
    paths = {file.path for file in File.objects.all()}
    return paths | {f"{file.path}.metadata" for file in File.objects.exclude(metadata_sha256="")}


def assert_all_listed_is_whole() -> None:
    for file in File.objects.all():
        with default_storage.open(file.path) as content:
            assert hashlib.sha256(content.read()).hexdigest() == file.sha256
        assert default_storage.exists(f"{file.path}.metadata")
    assert set(UsedFilename.objects.values_list("filename", flat=True)) == set(
        File.objects.values_list("filename", flat=True)
    )


def test_kill_9_of_an_upload_at_any_moment_lists_nothing_that_is_not_whole(uploads: Path):
    uploader = Uploader(make_upload_token()[1])
    killed = 0

    for step in range(16):
        version = f"1.{step}"
        killed += kill_after(0.004 * step, lambda v=version: uploader.wheel("hare", v))
        assert_all_listed_is_whole()

    assert killed > 3  # or nothing was tried
    for step in range(16):
        assert uploader.wheel("hare", f"1.{step}").status == 200
    assert_all_listed_is_whole()
    assert Release.objects.count() == File.objects.count() == 16


def test_what_a_killed_upload_left_is_gone_two_days_later(uploads: Path):
    uploader = Uploader(make_upload_token()[1])
    assert uploader.wheel("hare", "1.0").status == 200
    sha256 = hashlib.sha256(b"never listed").hexdigest()
    path = Path(default_storage.path(f"files/{sha256[:2]}/{sha256[2:4]}/{sha256}"))
    path.mkdir(parents=True)
    for name in ("hare-2.0-py3-none-any.whl", "hare-2.0-py3-none-any.whl.metadata"):
        (path / name).write_bytes(b"half")
    (uploads / "abc.upload.whl").write_bytes(b"half")
    half = snapshot_folder() / ".snapshot-abc"
    half.write_bytes(b"half")
    strange = Path(default_storage.path("files/attachment.txt"))
    strange.write_text("not of the index")

    assert sweep_leftovers(timezone.now()) == 0  # an upload may be going on

    assert sweep_leftovers(timezone.now() + LATER) == 4
    assert sweep_leftovers(timezone.now() + LATER) == 0
    assert stored() == listed() | {"files/attachment.txt"}
    assert not half.exists()
    assert list(uploads.iterdir()) == []
    assert_all_listed_is_whole()


@pytest.mark.parametrize("kind", ["*.whl", "*.metadata"])
def test_bytes_that_are_swept_away_before_they_are_listed_are_asked_for_again(kind: str):
    """A retry found the bytes of a killed upload; the sweep took them before the rows came."""
    uploader = Uploader(make_upload_token()[1])

    def sweep(execute: Any, sql: str, *others: Any) -> Any:
        if sql.startswith("INSERT INTO") and "usedfilename" in sql:
            for path in Path(default_storage.path("files")).rglob(kind):
                path.unlink()
        return execute(sql, *others)

    with connection.execute_wrapper(sweep):
        said = uploader.wheel("hare", "1.0")

    assert said.status == 503, said
    assert not File.objects.exists()
    assert uploader.wheel("hare", "1.0").status == 200
    assert_all_listed_is_whole()


def test_a_full_disk_is_said_and_leaves_nothing_behind(uploads: Path):
    """While the body comes in, and when it is put into its place."""
    uploader = Uploader(make_upload_token()[1])
    big = wheel_files("hare", "1.0") | {"hare/data.bin": os.urandom(2**20 * 12)}
    record = "hare-1.0.dist-info/RECORD"
    content = zip_of(big | {record: record_of(big, record)})

    with files_up_to(2**20 * 8):
        said = uploader.wheel("hare", "1.0", content)
    assert (said.status, said.reason) == (507, said.body.strip())
    assert "The shop cannot store the file now (File too large)" in said.reason
    in_the_way = Path(default_storage.path("files"))
    in_the_way.parent.mkdir(exist_ok=True)
    in_the_way.touch()
    said = uploader.wheel("hare", "1.0")
    assert said.status == 507, said
    in_the_way.unlink()

    assert stored() == set()
    assert list(uploads.iterdir()) == []
    assert not File.objects.exists()
    assert uploader.wheel("hare", "1.0", content).status == 200


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file of this process may grow beyond *size* bytes, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_snapshot_that_is_torn_anywhere_gives_no_wrong_answer(pro: Any):
    """E.g. a replica that copies it in place while the index reads it."""
    file = make_file(make_release(make_project(is_public=True)))
    client = IndexClient()
    page = client.get("/simple/hare-pro/")
    assert page.status == 200
    whole = snapshot_path().read_bytes()

    for cut in range(0, len(whole), len(whole) // 40):
        _put(whole[:cut])
        assert client.get_as_exported("/simple/hare-pro/").body == page.body
        assert client.get_as_exported(url_of(file)).status == 200
        assert client.get_as_exported("/simple/").status == 200
        fresh = IndexClient().get_as_exported("/simple/hare-pro/")
        assert fresh.status in {200, 503}, cut
        assert fresh.status == 503 or fresh.body == page.body


def test_a_snapshot_whose_pages_are_spoiled_gives_no_wrong_answer(pro: Any):
    """A disk that lies: the file has its length, and in the middle something else."""
    make_file(make_release(make_project(is_public=True)))
    page = IndexClient().get("/simple/hare-pro/")
    whole = snapshot_path().read_bytes()

    for start in range(0, len(whole), 4096):
        _put(whole[:start] + b"\xa5" * 4096 + whole[start + 4096 :])
        for client in (IndexClient(), IndexClient("wb_ix_wrong")):
            reply = client.get_as_exported("/simple/hare-pro/")
            assert reply.status in {200, 401, 503}, start
            assert reply.status != 200 or reply.body == page.body


def _put(content: bytes) -> None:
    other = snapshot_path().with_name("other")
    other.write_bytes(content)
    other.replace(snapshot_path())


def test_kill_9_of_an_export_at_any_moment_leaves_a_whole_snapshot():
    for number in range(30):
        make_file(make_release(make_project("hare"), f"1.{number}"))
    export_snapshot()

    for step in range(12):
        kill_after(0.003 * step, export_snapshot)
        with closing(sqlite3.connect(snapshot_path())) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert database.execute("SELECT count(*) FROM file").fetchall() == [(30,)]

    sweep_leftovers(timezone.now() + LATER)
    assert list(snapshot_folder().glob(".snapshot-*")) == []
    export_snapshot()  # whoever was killed holds no lock
