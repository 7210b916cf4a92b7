"""Every state of a license with every kind of request: exact statuses and sentences."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from lib.tokens import TokenKind, mint_token
from licenses import status
from licenses.models import License, Tier
from pkgindex.models import File
from tests.make import make_credential, make_customer, make_license
from tests.pkgindex.index_client import JSON, IndexClient, Reply
from tests.pkgindex.make import make_file, make_project, make_release, url_of

pytestmark = pytest.mark.django_db

ENDED = datetime(2026, 6, 1, tzinfo=UTC)
ACCOUNT = "; see http://testserver/account/"
LAPSED = f"Your license of Hare Pro ended 2026-06-01 and covers releases up to then{ACCOUNT}"
SUSPENDED = f"Your license of Hare Pro is suspended while a payment is disputed{ACCOUNT}"
REVOKED = f"Your license of Hare Pro was revoked{ACCOUNT}"
OTHER = (
    "Your license does not cover this project, it needs Hare Pro; see http://testserver/pricing/"
)
NO_KEY = "This needs a key; see http://testserver/pricing/"
BAD_KEY = "The key is unknown"


@dataclass(frozen=True)
class Row:
    """`old` was released before the license ended, `new` after it; "" is all is well."""

    page: int
    old: int
    new: int
    sentence: str = ""


MATRIX = {
    "active": Row(200, 200, 200),
    "lapsed": Row(200, 200, 402, LAPSED),
    "suspended": Row(200, 402, 402, SUSPENDED),
    "revoked": Row(200, 402, 402, REVOKED),
    "other tier": Row(200, 402, 402, OTHER),
    "no license": Row(200, 402, 402, OTHER),
    "stranger": Row(401, 401, 401, NO_KEY),
    "bad key": Row(401, 401, 401, BAD_KEY),
}


@dataclass(frozen=True)
class Shelf:
    old: File
    new: File


@pytest.fixture
def shelf(pro: Tier) -> Shelf:
    project = make_project(tiers=[pro])
    month = timedelta(days=30)
    return Shelf(
        old=make_file(make_release(project, "1.0", released_at=ENDED - month)),
        new=make_file(make_release(project, "2.0", released_at=ENDED + month)),
    )


def client_of(state: str, pro: Tier, enterprise: Tier) -> IndexClient:
    if state == "stranger":
        return IndexClient()
    if state == "bad key":
        return IndexClient(mint_token(TokenKind.INDEX))
    customer = make_customer()
    if state == "other tier":
        make_license(customer=customer, tier=enterprise)
    elif state != "no license":
        license = make_license(customer=customer, tier=pro)
        License.objects.filter(pk=license.pk).update(updates_until=ENDED)
        move = {
            "lapsed": status.lapse_license,
            "suspended": status.suspend_license,
            "revoked": status.revoke_license,
        }.get(state)
        if move:
            move(license.pk, at=timezone.now(), reason="test")
    return IndexClient(make_credential(customer)[1])


def ask(client: IndexClient, file: File, kind: str) -> Reply:
    url = url_of(file)
    if kind == "with a hint":
        url = url.replace("/hare_pro", "/ended-2026-06-01/hare_pro")
    headers = {"range": {"range": "bytes=0-3"}, "known": {"if_none_match": f'"{file.sha256}"'}}
    return client.get(
        url + (".metadata" if kind == "metadata" else ""),
        method="HEAD" if kind == "head" else "GET",
        **headers.get(kind, {}),
    )


GOOD = {"whole": 200, "head": 200, "range": 206, "known": 304, "metadata": 200, "with a hint": 200}


@pytest.mark.parametrize("state", MATRIX)
def test_pages(shelf: Shelf, pro: Tier, enterprise: Tier, state: str):
    client, row = client_of(state, pro, enterprise), MATRIX[state]

    for path, accept in [("/simple/hare-pro/", JSON), ("/simple/hare-pro/", "text/html"),
                         ("/pypi/hare-pro/json", "application/json")]:  # fmt: skip
        reply = client.get(path, accept=accept)
        assert reply.status == row.page, path
        assert reply.reason == ("OK" if row.page == 200 else row.sentence)
    assert client.get("/simple/").status == (200 if state == "stranger" else row.page)


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("state", MATRIX)
def test_files(shelf: Shelf, pro: Tier, enterprise: Tier, state: str, kind: str):
    client, row = client_of(state, pro, enterprise), MATRIX[state]

    for file, expected in [(shelf.old, row.old), (shelf.new, row.new)]:
        reply = ask(client, file, kind)
        if expected == 200:
            assert reply.status == GOOD[kind]
        else:
            assert (reply.status, reply.reason) == (expected, row.sentence)
            assert reply.body in {b"", f"{row.sentence}\n".encode()}
            assert "ETag" not in reply.headers


@pytest.mark.parametrize("state", [state for state, row in MATRIX.items() if row.page == 200])
def test_the_url_of_what_is_refused_says_why(shelf: Shelf, pro: Tier, enterprise: Tier, state: str):
    client, row = client_of(state, pro, enterprise), MATRIX[state]

    files = client.page("/simple/hare-pro/")["files"]

    hint = row.sentence.partition(";")[0].replace(", ", "-").replace(" ", "-")
    for file, expected in zip(files, [row.old, row.new], strict=True):
        parts = file["url"].removeprefix("../../files/").split("/")
        assert parts[1:-1] == ([] if expected == 200 else [hint])
        assert parts[-1] == file["filename"]
        assert client.get(f"/files/{'/'.join(parts)}").status == expected


def test_legacy_json_names_the_newest_release_that_installs(
    shelf: Shelf, pro: Tier, enterprise: Tier
):
    active = client_of("active", pro, enterprise).get("/pypi/hare-pro/json").json()
    lapsed = client_of("lapsed", pro, enterprise).get("/pypi/hare-pro/json").json()

    assert active["info"] == {
        "name": "hare-pro",
        "version": "2.0",
        "requires_python": None,
        "package_url": "http://testserver/simple/hare-pro/",
        "yanked": False,
        "yanked_reason": None,
    }
    assert active["urls"][0]["url"] == f"http://testserver{url_of(shelf.new)}"
    assert active["urls"][0]["digests"] == {
        "sha256": shelf.new.sha256,
        "blake2b_256": shelf.new.blake2_256,
    }
    assert active["urls"][0]["python_version"] == "py3"
    assert list(active["releases"]) == ["1.0", "2.0"]
    assert lapsed["info"]["version"] == "1.0"
    assert lapsed["releases"]["2.0"][0]["yanked_reason"] == LAPSED


@pytest.mark.parametrize(
    ("path", "status", "location"),
    [
        ("/pypi/Hare_Pro/json", 301, "/pypi/hare-pro/json"),
        ("/pypi/hare-pro/json/", 301, "/pypi/hare-pro/json"),
        ("/pypi/requests/json", 404, None),
        ("/pypi/hare-pro/1.0/json", 404, None),
        ("/pypi/", 404, None),
    ],
)
def test_legacy_json_is_never_passed_on(
    shelf: Shelf, pro: Tier, enterprise: Tier, settings, path: str, status: int, location: str
):
    settings.INDEX_UPSTREAM = "https://upstream.example/simple"

    reply = client_of("active", pro, enterprise).get(path)

    assert (reply.status, reply.headers.get("Location")) == (status, location)
