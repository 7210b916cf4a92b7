"""Compressed pages."""

import gzip

import pytest

from pkgindex.index.encodings import CODINGS, IDENTITY, choose_coding
from pkgindex.index.kept import KeptPages, Page
from tests.pkgindex.index_client import IndexClient
from tests.pkgindex.make import make_file, make_project, make_release, url_of

BEST = next(iter(CODINGS))


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("", IDENTITY),
        ("gzip", "gzip"),
        ("gzip, deflate", "gzip"),
        ("GZIP;q=0.5", "gzip"),
        ("gzip;q=0", IDENTITY),
        ("gzip;q=0.1, identity", IDENTITY),
        ("gzip;q=x", IDENTITY),
        ("br, deflate", IDENTITY),
        ("*", BEST),
        ("*;q=0", IDENTITY),
        ("identity;q=0, *", BEST),
        ("gzip, deflate, br, zstd", BEST),
    ],
)
def test_the_coding_is_one_that_the_client_takes(accept: str, coding: str):
    assert choose_coding(accept) == coding


@pytest.mark.django_db
def test_a_page_is_compressed_and_has_an_etag_of_its_own(stranger: IndexClient):
    make_file(make_release(make_project("hare", is_public=True)))

    plain = stranger.get("/simple/hare/")
    packed = stranger.get("/simple/hare/", accept_encoding="gzip")
    again = stranger.get(
        "/simple/hare/", accept_encoding="gzip", if_none_match=packed.headers["ETag"]
    )

    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Content-Length"] == str(len(packed.body))
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert (again.status, again.headers["ETag"]) == (304, packed.headers["ETag"])


@pytest.mark.django_db
def test_a_small_page_and_a_file_are_sent_as_they_are(stranger: IndexClient):
    file = make_file(make_release(make_project("hare", is_public=True)))

    for path in ("/simple/", url_of(file), f"{url_of(file)}.metadata"):
        assert "Content-Encoding" not in stranger.get(path, accept_encoding="gzip").headers


def test_kept_pages_have_a_bound():
    kept = KeptPages(limit=10_000)
    made = []

    def make(number: int) -> Page:
        made.append(number)
        return Page(b"x" * 3000, "text/html", IDENTITY)

    for number in [1, 2, 1, 2, 3, 4, 1]:
        kept.find(number, lambda number=number: make(number))

    assert made == [1, 2, 3, 4, 1]
