"""Files as they are sent: ranges, conditions, headers."""

import pytest

from pkgindex.models import File
from tests.pkgindex.index_client import IndexClient
from tests.pkgindex.make import make_file, make_project, make_release, url_of
from tests.pkgindex.wheels import build_wheel, metadata_text

pytestmark = pytest.mark.django_db

METADATA = metadata_text("hare", "1.0")
BYTES = build_wheel("hare", "1.0", METADATA)
SIZE = len(BYTES)


@pytest.fixture
def file() -> File:
    return make_file(make_release(make_project("hare", is_public=True)))


def test_a_file_is_sent_whole_and_may_be_kept_for_ever(stranger: IndexClient, file: File):
    reply = stranger.get(url_of(file))

    assert reply.status == 200
    assert reply.body == BYTES
    assert reply.headers == {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(SIZE),
        "ETag": f'"{file.sha256}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=31536000, immutable",
        "Vary": "Authorization",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }


def test_metadata_lies_beside_the_file(stranger: IndexClient, file: File):
    reply = stranger.get(f"{url_of(file)}.metadata")

    assert reply.text == METADATA
    assert reply.headers["ETag"] == f'"{file.metadata_sha256}"'
    assert reply.headers["Content-Length"] == str(len(METADATA))


def test_an_sdist_has_no_metadata_beside_it(stranger: IndexClient, file: File):
    File.objects.update(metadata_sha256="")

    assert stranger.get(f"{url_of(file)}.metadata").status == 404


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-3", 0, 3),
        ("bytes=4-4", 4, 4),
        ("bytes=10-", 10, SIZE - 1),
        ("bytes=-22", SIZE - 22, SIZE - 1),
        ("bytes=-999999", 0, SIZE - 1),
        ("bytes=0-999999", 0, SIZE - 1),
        ("BYTES=0-3", 0, 3),
    ],
)
def test_a_range_is_sent_alone(
    stranger: IndexClient, file: File, asked: str, first: int, last: int
):
    reply = stranger.get(url_of(file), range=asked)

    assert reply.status == 206
    assert reply.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert reply.headers["Content-Length"] == str(last - first + 1)
    assert reply.body == BYTES[first : last + 1]


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=999999-1000000", "bytes=-0"])
def test_a_range_outside_the_file_is_416(stranger: IndexClient, file: File, asked: str):
    reply = stranger.get(url_of(file), range=asked)

    assert reply.status == 416
    assert reply.headers["Content-Range"] == f"bytes */{SIZE}"
    assert reply.body == b""


@pytest.mark.parametrize(
    "asked",
    ["bytes=", "bytes=-", "bytes=5-2", "bytes=a-b", "bytes=0-1,4-5", "lines=0-1", "bytes=\xb2-",
     "bytes=" + "9" * 5000 + "-"],
)  # fmt: skip
def test_a_range_that_cannot_be_read_is_ignored(stranger: IndexClient, file: File, asked: str):
    reply = stranger.get(url_of(file), range=asked)

    assert reply.status == 200
    assert reply.body == BYTES


def test_a_range_of_an_older_file_is_ignored(stranger: IndexClient, file: File):
    url = url_of(file)

    assert stranger.get(url, range="bytes=0-3", if_range=f'"{file.sha256}"').status == 206
    assert stranger.get(url, range="bytes=0-3", if_range='"other"').status == 200


def test_a_known_file_is_not_sent_again(stranger: IndexClient, file: File):
    reply = stranger.get(url_of(file), if_none_match=f'"{file.sha256}"')

    assert reply.status == 304
    assert reply.headers["ETag"] == f'"{file.sha256}"'
    assert reply.body == b""


def test_head_sends_the_size_and_no_bytes(stranger: IndexClient, file: File):
    reply = stranger.get(url_of(file), method="HEAD", range="bytes=0-3")

    assert reply.status == 200
    assert reply.headers["Content-Length"] == str(SIZE)
    assert reply.body == b""
