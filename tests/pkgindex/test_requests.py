"""How the index speaks HTTP: redirects, caching, methods, queries, and a database that is away."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.wsgi import application
from licenses.models import License, Tier
from pkgindex.index import ROUTES
from tests.pkgindex.index_client import JSON, IndexClient
from tests.pkgindex.make import make_file, make_project, make_release, url_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def public(db: None) -> None:
    make_file(make_release(make_project("hare", is_public=True)))


def test_everything_else_is_djangos(stranger: IndexClient):
    for path in ("/", "/simpler/", "/pricing/", "/legacy/", "/filesystem"):
        assert stranger.get(path).body == b"Django"


def test_the_application_is_the_index_in_front_of_django():
    assert application.__qualname__ == "Index.in_front_of.<locals>.application"
    ours = ("/simple/", "/files/", "/pypi/", "/integrity/")
    assert all(route.startswith(ours) for route in ROUTES)


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ("/simple", "/simple/"),
        ("/simple/hare", "/simple/hare/"),
        ("/simple/Hare/", "/simple/hare/"),
        ("/simple/Hare_.-Pro", "/simple/hare-pro/"),
        ("/simple/hare?format=text/html", "/simple/hare/?format=text/html"),
        ("/simple?a=\r\nSet-Cookie: b", "/simple/?a=%0D%0ASet-Cookie:%20b"),
    ],
)
def test_another_spelling_moves_to_the_page_itself(
    stranger: IndexClient, asked: str, location: str
):
    reply = stranger.get(asked)

    assert reply.status == 301
    assert reply.headers["Location"] == location


@pytest.mark.parametrize(
    "path",
    ["/simple/-/", "/simple/a b/", "/simple/a\x00b/", "/simple/\xe4/", "/simple//", "/simple/a/b"],
)
def test_what_cannot_be_a_name_is_not_found(stranger: IndexClient, path: str):
    assert stranger.get(path).status == 404


@pytest.mark.parametrize("path", ["/simple/", "/simple/hare/"])
def test_a_page_is_fresh_each_time_and_cheap_to_ask_again(
    stranger: IndexClient, public: None, path: str
):
    first = stranger.get(path, accept=JSON)
    again = stranger.get(path, accept=JSON, if_none_match=f'"x", W/{first.headers["ETag"]}')

    assert first.headers["Cache-Control"] == "private, no-cache"
    assert first.headers["Vary"] == "Accept, Authorization, Accept-Encoding"
    assert again.status == 304
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Vary"] == first.headers["Vary"]
    assert again.body == b""


def test_each_form_of_a_page_has_its_own_etag(stranger: IndexClient, public: None):
    tags = {
        stranger.get("/simple/hare/", accept=accept).headers["ETag"]
        for accept in (JSON, "text/html")
    }

    assert len(tags) == 2


def test_a_new_release_changes_the_etag(stranger: IndexClient):
    project = make_project("hare", is_public=True)
    before = stranger.get("/simple/hare/").headers["ETag"]
    make_file(make_release(project, "1.1"))

    assert stranger.get("/simple/hare/", if_none_match=before).status == 200


def test_a_browser_runs_nothing_of_a_page(stranger: IndexClient, public: None):
    headers = stranger.get("/simple/hare/", accept="text/html").headers

    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/simple/", "/simple/hare/", "/simple/nothing/", "/simple/hare"])
def test_head_says_what_get_says_without_the_body(stranger: IndexClient, public: None, path: str):
    got, head = stranger.get(path), stranger.get(path, method="HEAD")

    assert (head.status, head.headers) == (got.status, got.headers)
    assert head.body == b""
    assert int(head.headers["Content-Length"]) == len(got.body)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"])
@pytest.mark.parametrize("path", ["/simple/", "/simple/hare/", "/files/0000000000000000/a"])
@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")
def test_only_get_and_head_are_answered(stranger: IndexClient, method: str, path: str):
    reply = stranger.get(path, method=method)

    assert reply.status == 405
    assert reply.headers["Allow"] == "GET, HEAD"


def test_a_form_that_we_do_not_speak_is_406(stranger: IndexClient, public: None):
    reply = stranger.get("/simple/hare/", accept="application/json")

    assert reply.status == 406
    assert "application/vnd.pypi.simple.v1+json" in reply.text


def test_a_reason_in_a_status_line_is_one_line_of_ascii(
    holder: IndexClient, license: License, enterprise: Tier
):
    enterprise.name = "Größe\r\nX-Evil: 1"
    enterprise.save()
    file = make_file(make_release(make_project("hare-ent", tiers=[enterprise])))

    reply = holder.get(url_of(file))

    assert reply.status == 402
    assert reply.reason.isascii()
    assert reply.reason.isprintable()
    assert "X-Evil" not in reply.headers


# --- anything at all --------------------------------------------------------------------------

wire = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=60)


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    path=st.builds("{}{}".format, st.sampled_from(["/simple/", "/files/"]), wire),
    query=wire,
    accept=wire,
    authorization=st.none() | wire,
)
def test_no_request_makes_the_index_fail(
    stranger: IndexClient, path: str, query: str, accept: str, authorization: str | None
):
    headers = {"accept": accept, "range": accept, "if_none_match": query, "user_agent": query}
    if authorization is not None:
        headers["authorization"] = authorization

    reply = stranger.get(f"{path.replace('?', '')}?{query}", **headers)

    assert reply.status in ({401, 429} if authorization is not None else {200, 301, 304, 404, 406})
