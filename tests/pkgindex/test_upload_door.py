"""Who may upload, what is published, and that a refusal changes nothing."""

import hashlib
import os
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from pkgindex.models import File, Project, Release, UploadToken, UsedFilename
from pkgindex.upload_tokens import revoke_upload_token
from tests.make import make_credential, make_customer
from tests.pkgindex.index_client import IndexClient, basic
from tests.pkgindex.make import make_project, make_upload_token, url_of
from tests.pkgindex.uploader import Uploader
from tests.pkgindex.wheels import build_wheel, metadata_text, wheel_name

pytestmark = pytest.mark.django_db

INVALID = "The upload token is missing, unknown or no longer valid."


def everything() -> list[Any]:
    """All rows and all stored files: what a refusal must leave as it was."""
    root = Path(default_storage.path(""))
    rows = [model.objects.count() for model in (Project, Release, File, UsedFilename)]
    return [*rows, sorted(str(path) for path in root.rglob("*") if path.is_file())]


def stored(path: str) -> bytes:
    with default_storage.open(path) as file:
        content: bytes = file.read()
        return content


# --- what is published ------------------------------------------------------------------------


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


# --- who may ----------------------------------------------------------------------------------


class Unreadable:
    """A body that must not be read."""

    def read(self, *args: Any) -> NoReturn:
        raise AssertionError("the body was read")

    readline = read


def post_unread(**environ: Any) -> tuple[int, str]:
    """Post a body that must not be read; status and reason phrase."""
    whole = {"CONTENT_LENGTH": "1000", "wsgi.input": Unreadable()} | environ
    kind = "multipart/form-data; boundary=x"
    response = Client().generic("POST", "/legacy/", content_type=kind, **whole)
    return response.status_code, response.reason_phrase


@pytest.mark.parametrize(
    "header",
    [None, "", "Basic", "Basic !!", "Bearer abc", basic(""), basic("wb_up_" + "0" * 36),
     basic("hunter2"), "Basic \xff"],
)  # fmt: skip
def test_without_a_well_formed_token_no_body_is_read_and_no_query_made(
    django_assert_num_queries, header: str | None
):
    environ = {} if header is None else {"HTTP_AUTHORIZATION": header}

    with django_assert_num_queries(0):
        assert post_unread(**environ) == (401, INVALID)


def test_a_revoked_or_expired_token_is_refused_before_the_body_is_read():
    revoked, revoked_key = make_upload_token()
    revoke_upload_token(revoked.pk, at=timezone.now())
    expired, expired_key = make_upload_token()
    UploadToken.objects.filter(pk=expired.pk).update(
        expires_at=timezone.now() - timedelta(seconds=1)
    )

    for key in (revoked_key, expired_key):
        assert post_unread(HTTP_AUTHORIZATION=basic(key)) == (401, INVALID)


def test_a_customers_key_uploads_nothing():
    key = make_credential(make_customer())[1]

    assert post_unread(HTTP_AUTHORIZATION=basic(key)) == (401, INVALID)


def test_a_token_for_some_projects_publishes_only_these():
    uploader = Uploader(make_upload_token(make_project("hare"))[1])

    own, other, new = uploader.wheel("hare"), uploader.wheel("harem"), uploader.sdist("next")

    assert own.status == 200, own
    assert (other.status, other.reason) == (403, "The upload token may not publish to 'harem'.")
    assert new.status == 403
    assert Project.objects.count() == 1


def test_a_token_learns_nothing_about_files_of_other_projects(uploader: Uploader):
    uploader.wheel("hare-pro")
    other = Uploader(make_upload_token(make_project("hare"))[1])

    assert other.wheel("hare-pro").status == 403


def test_the_use_of_a_token_is_noted():
    token, key = make_upload_token()

    Uploader(key).wheel()

    token.refresh_from_db()
    assert token.last_used_at is not None


@pytest.mark.parametrize("path", ["/legacy/", "/legacy"])
def test_the_door_has_two_spellings_and_redirects_at_none(uploader: Uploader, path: str):
    response = Client().post(path, headers={"authorization": basic(uploader.token)})

    assert response.status_code == 400


def test_only_post_is_taken():
    response = Client().get("/legacy/")

    assert response.status_code == 405
    assert response["Allow"] == "POST"


UV_ACCEPTS = "application/json;q=0.9, text/plain;q=0.8, text/html;q=0.7"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (UV_ACCEPTS, "application/problem+json"),
        ("application/problem+json", "application/problem+json"),
        ("application/problem+json;q=0.1, text/*", "text/plain; charset=utf-8"),
        ("*/*", "text/plain; charset=utf-8"),  # twine, poetry, pdm
        ("", "text/plain; charset=utf-8"),
        ("image/png", "text/plain; charset=utf-8"),
        (";;,q=x", "text/plain; charset=utf-8"),
        ("application/json;q=0, */*", "text/plain; charset=utf-8"),
        ("application/json;x*=nonsense''y", "text/plain; charset=utf-8"),
    ],
)
def test_a_refusal_is_a_problem_for_whoever_reads_json_and_a_text_for_others(
    uploader: Uploader, accept: str, kind: str
):
    headers = {"authorization": basic(uploader.token), "accept": accept}
    response = Client().post("/legacy/", {":action": "submit"}, headers=headers)

    sentence = "The upload has no file in the field content."
    assert (response.status_code, response.reason_phrase) == (400, sentence)
    assert response["Content-Type"] == kind
    if "problem" in kind:
        assert response.json() == {
            "type": "http://testserver/legacy/#refused",
            "title": "Upload refused",
            "status": 400,
            "detail": sentence,
        }
    else:
        assert response.content.decode() == f"{sentence}\n"


@pytest.mark.parametrize("token", ["", "wb_up_wrong"])
def test_a_token_that_opens_nothing_is_a_problem_too(token: str):
    headers = {"accept": UV_ACCEPTS} | ({"authorization": basic(token)} if token else {})

    response = Client().post("/legacy/", headers=headers)

    assert response.status_code == response.json()["status"] == 401
    assert response["Content-Type"] == "application/problem+json"
    assert response["WWW-Authenticate"].startswith("Basic")


# --- how much ---------------------------------------------------------------------------------


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


# --- forms that are none ----------------------------------------------------------------------


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
