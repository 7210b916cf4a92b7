"""The upload door: how much is read, and forms that are none."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from pkgindex.models import File
from tests.pkgindex.depot import everything, post_unread
from tests.pkgindex.index_client import IndexClient, basic
from tests.pkgindex.make import make_project, url_of
from tests.pkgindex.uploader import Uploader
from tests.pkgindex.wheels import build_wheel, metadata_text

pytestmark = pytest.mark.django_db


def test_a_body_that_says_it_is_too_large_is_not_read(uploader: Uploader, settings):
    settings.MAX_UPLOAD_BYTES = 5 * 2**20

    said = post_unread(HTTP_AUTHORIZATION=basic(uploader.token), CONTENT_LENGTH=str(9 * 2**20))

    assert said == (413, "The file is too large, the limit is 5 MB.")


@pytest.mark.parametrize("length", ["", "-1", "\xb2", "9" * 5000])
def test_a_body_without_a_length_is_not_read(uploader: Uploader, length: str):
    said = post_unread(HTTP_AUTHORIZATION=basic(uploader.token), CONTENT_LENGTH=length)

    assert said == (411, "The upload does not say its Content-Length.")


def test_a_file_is_counted_while_it_comes_in(uploader: Uploader, settings):
    settings.MAX_UPLOAD_BYTES = 2**20
    before = everything()

    said = uploader.wheel(content=b"x" * (2**20 + 1))

    assert (said.status, said.reason) == (413, "The file is too large, the limit is 1 MB.")
    assert everything() == before


def test_no_temporary_file_is_left_behind(uploader: Uploader, settings, tmp_path: Path):
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path
    settings.MAX_UPLOAD_BYTES = 2**20

    uploader.wheel()
    uploader.wheel(content=b"no wheel")
    uploader.wheel(content=b"x" * (2**20 + 1))

    assert list(tmp_path.glob("*.upload*")) == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--x\r\nnonsense"),
        ("multipart/form-data", b"--x--"),
        ("application/json", b"{}"),
        ("", b"abc"),
    ],
)
def test_a_body_that_is_no_form_is_refused_with_a_sentence(
    uploader: Uploader, content_type: str, body: bytes
):
    response = Client().generic(
        "POST",
        "/legacy/",
        body,
        content_type=content_type,
        headers={"authorization": basic(uploader.token)},
    )

    assert response.status_code in {400, 411}
    assert response.reason_phrase.startswith("The upload ")


def test_fields_beside_the_file_are_bounded(uploader: Uploader):
    too_long = uploader.wheel(description="x" * (3 * 2**20))
    too_many = uploader.wheel(classifiers=["x"] * 2000)

    assert too_long.status in {400, 413}
    assert too_many.status == 400
    assert not File.objects.exists()


def test_only_one_file_is_taken(uploader: Uploader):
    said = uploader.wheel(gpg_signature=SimpleUploadedFile("x.asc", b"x"))

    assert said.reason == "The upload must have one file, in the field content."


def test_a_storage_that_is_no_local_disk_serves_as_well(
    uploader: Uploader, stranger: IndexClient, settings
):
    memory = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    settings.STORAGES = settings.STORAGES | {"default": memory}
    make_project("hare", is_public=True)

    said = uploader.wheel("hare")

    assert said.status == 200, said
    url = url_of(File.objects.get())
    assert stranger.get(url).body == build_wheel("hare", "1.0")
    assert stranger.get(url, range="bytes=2-5").body == build_wheel("hare", "1.0")[2:6]
    assert stranger.get(f"{url}.metadata").text == metadata_text("hare", "1.0")
