"""The upload door: what is published."""

import hashlib
import os
from pathlib import Path
from urllib.parse import unquote

import pytest
from django.core.files.storage import default_storage

from pkgindex.models import File, Project, Release, UsedFilename
from tests.pkgindex.depot import everything, stored
from tests.pkgindex.index_client import IndexClient
from tests.pkgindex.make import make_project, url_of
from tests.pkgindex.uploader import Uploader
from tests.pkgindex.wheels import build_wheel, metadata_text, wheel_name

pytestmark = pytest.mark.django_db


def test_a_wheel_is_published_with_its_metadata_beside_it(uploader: Uploader):
    text = metadata_text("Hare.Pro", "1.0", requires_python=">=3.9")
    content = build_wheel("hare-pro", "1.0", text)

    said = uploader.wheel("hare-pro", content=content, requires_python=">=3.9")

    assert (said.status, said.reason) == (200, "OK")
    file = File.objects.get()
    assert str(file.release) == "Hare.Pro 1.0"
    assert file.filename == "hare_pro-1.0-py3-none-any.whl"
    assert file.packagetype == "bdist_wheel"
    assert file.size == len(content)
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert file.blake2_256 == hashlib.blake2b(content, digest_size=32).hexdigest()
    assert file.requires_python == ">=3.9"
    assert file.metadata_sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert stored(file.path) == content
    assert stored(f"{file.path}.metadata") == text.encode()


def test_an_sdist_is_published_without_metadata_beside_it(uploader: Uploader):
    said = uploader.sdist("hare-pro")

    assert said.status == 200, said
    file = File.objects.get()
    assert file.packagetype == "sdist"
    assert file.metadata_sha256 == ""
    assert not default_storage.exists(f"{file.path}.metadata")


def test_what_was_published_is_installed_as_it_was(uploader: Uploader, stranger: IndexClient):
    make_project("hare", is_public=True)
    uploader.wheel("hare")

    (listed,) = stranger.page("/simple/hare/")["files"]
    reply = stranger.get(url_of(File.objects.get()))

    assert reply.body == build_wheel("hare", "1.0")
    assert listed["hashes"]["sha256"] == hashlib.sha256(reply.body).hexdigest()


def test_a_new_project_is_ours_at_once_and_for_nobody(uploader: Uploader, stranger: IndexClient):
    uploader.wheel("hare-next")

    assert stranger.get("/simple/hare-next/").status == 401
    assert not Project.objects.get().is_public


def test_files_of_equal_versions_belong_to_one_release(uploader: Uploader):
    uploader.wheel("hare", "1.0")
    uploader.sdist("hare", "1.0.0")

    assert Release.objects.get().files.count() == 2


def test_a_local_version_is_taken(uploader: Uploader, stranger: IndexClient):
    """PyPI refuses them; here they are the owner's affair."""
    make_project("hare", is_public=True)

    said = uploader.wheel("hare", "1.0+cu12"), uploader.sdist("hare", "1.0+cu12")

    assert [one.status for one in said] == [200, 200], said
    page = stranger.page("/simple/hare/")
    assert page["versions"] == ["1.0+cu12"]
    for file in page["files"]:
        assert stranger.get(unquote(file["url"]).removeprefix("../..")).status == 200


def test_the_same_bytes_again_are_fine(uploader: Uploader):
    first = uploader.wheel()
    before = everything()

    again = uploader.wheel()

    assert (first.status, again.status) == (200, 200)
    assert everything() == before


def test_other_bytes_for_a_file_name_are_refused_and_nothing_changes(uploader: Uploader):
    uploader.wheel()
    before = everything()
    sha256 = File.objects.get().sha256

    said = uploader.wheel(
        content=build_wheel("hare", "1.0", metadata_text("hare", "1.0", requires_python=">=3.9"))
    )

    assert said.status == 400
    assert said.reason == (
        f"File already exists ('hare-1.0-py3-none-any.whl', with sha256 hash '{sha256}')."
        " Use a different version."
    )
    assert said.body == f"{said.reason}\n"
    assert everything() == before


def test_a_file_name_is_never_used_again(uploader: Uploader):
    uploader.wheel()
    File.objects.all().delete()

    said = uploader.wheel()

    assert said.status == 400
    assert "was used before by a file that has since been deleted" in said.reason


def test_an_upload_that_was_killed_is_repaired_by_the_next_one(uploader: Uploader):
    """The bytes are cut off and no row names them."""
    content = build_wheel("hare", "1.0")
    sha256 = hashlib.sha256(content).hexdigest()
    path = Path(default_storage.path(f"files/{sha256[:2]}/{sha256[2:4]}/{sha256}"))
    path.mkdir(parents=True)
    (path / wheel_name("hare", "1.0")).write_bytes(content[:100])

    said = uploader.wheel()

    assert said.status == 200, said
    assert stored(File.objects.get().path) == content


def test_what_a_killed_upload_left_whole_is_brought_to_the_disk_by_the_next_one(
    uploader: Uploader, monkeypatch: pytest.MonkeyPatch
):
    """It was written; whether it would outlive a power cut nobody knows."""
    uploader.wheel()
    file = File.objects.get()
    File.objects.all().delete()
    UsedFilename.objects.all().delete()
    brought: set[int] = set()
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        brought.add(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)

    assert uploader.wheel().status == 200
    for path in (file.path, f"{file.path}.metadata"):
        place = Path(default_storage.path(path))
        assert {place.stat().st_ino, place.parent.stat().st_ino} <= brought


def test_twine_may_spell_the_name_as_it_likes(uploader: Uploader):
    said = uploader.wheel("hare-pro", name="Hare..PRO")

    assert said.status == 200, said
