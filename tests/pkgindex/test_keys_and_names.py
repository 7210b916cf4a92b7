"""Keys that open no door, and names that are not ours."""

from datetime import timedelta

import pytest
from django.utils import timezone

from lib.tokens import TokenKind, mint_token
from licenses import credentials
from licenses.models import License, Tier
from pkgindex.models import ReservedName
from pkgindex.snapshot import snapshot_folder
from tests.make import make_credential
from tests.pkgindex.index_client import JSON, IndexClient
from tests.pkgindex.make import make_file, make_project, make_release, make_upload_token, url_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def bad_keys(license: License) -> dict[str, str]:
    at = timezone.now()
    revoked, revoked_key = make_credential(license.customer, "revoked")
    credentials.revoke_credential(revoked.pk, at=at)
    expired, expired_key = make_credential(license.customer, "expired")
    type(expired).objects.filter(pk=expired.pk).update(expires_at=at - timedelta(seconds=1))
    good = make_credential(license.customer, "good")[1]
    return {
        "revoked": revoked_key,
        "expired": expired_key,
        "unknown": mint_token(TokenKind.INDEX),
        "wrong checksum": good[:-1] + ("0" if good[-1] != "0" else "1"),
        "of another kind": mint_token(TokenKind.LEASE),
        "for uploads": make_upload_token()[1],
        "something else": "hunter2",
    }


def test_a_key_that_opens_no_door_gets_401_everywhere(bad_keys: dict[str, str], pro: Tier):
    public = make_file(make_release(make_project("hare", is_public=True)))
    own = make_file(make_release(make_project(tiers=[pro])))
    ReservedName.objects.create(normalized_name="taken")
    doors = ["/simple", "/simple/", "/simple/hare/", "/simple/hare", "/simple/hare-pro/"]
    doors += ["/simple/taken/", "/simple/foreign/", "/simple/-/", "/files/", "/simple/a/b/"]
    doors += [url_of(public), url_of(own), f"{url_of(own)}.metadata"]

    for name, key in bad_keys.items():
        for door in doors:
            forget_failures()
            reply = IndexClient(key).get(door)
            assert (reply.status, name, door) == (401, name, door)
            assert "WWW-Authenticate" in reply.headers


def forget_failures() -> None:
    (snapshot_folder() / "failures").unlink(missing_ok=True)


@pytest.mark.parametrize("header", ["Basic !", "Bearer x", "", "Basic OnNlY3JldA", "Digest a=b"])
def test_a_malformed_header_is_401(stranger: IndexClient, header: str):
    assert stranger.get("/simple/", authorization=header).status == 401


def test_strangers_see_the_public_projects_and_holders_the_whole_catalog(
    stranger: IndexClient, holder: IndexClient, enterprise: Tier
):
    make_project("hare", is_public=True)
    make_project("Hare.Ent", tiers=[enterprise])

    assert stranger.page("/simple/")["projects"] == [{"name": "hare"}]
    assert holder.page("/simple/")["projects"] == [{"name": "hare"}, {"name": "Hare.Ent"}]


def test_a_foreign_name_is_not_found(stranger: IndexClient, holder: IndexClient):
    assert stranger.get("/simple/requests/").status == 404
    assert holder.get("/simple/requests/").status == 404


def test_a_foreign_name_is_passed_on_to_the_upstream(
    stranger: IndexClient, holder: IndexClient, settings
):
    settings.INDEX_UPSTREAM = "https://upstream.example/simple"

    for client in (stranger, holder):
        reply = client.get("/simple/requests/", accept=JSON)
        assert reply.status == 307
        assert reply.headers["Location"] == "https://upstream.example/simple/requests/"


def test_a_name_of_ours_is_never_passed_on(
    stranger: IndexClient, holder: IndexClient, settings, enterprise: Tier
):
    settings.INDEX_UPSTREAM = "https://upstream.example/simple"
    make_project("hare-ent", tiers=[enterprise])
    make_project("hare-next")

    for name in ("hare-ent", "hare-next", "HARE.next"):
        assert stranger.get(f"/simple/{name}/").status in {401, 301}
        assert holder.get(f"/simple/{name}/").status in {200, 301}


@pytest.mark.parametrize(
    ("name", "is_covered"),
    [("hare", True), ("hare-cloud", True), ("hare-a-b", True), ("harem", False), ("taken", True),
     ("taken-too", False)],
)  # fmt: skip
def test_a_reserved_name_is_neither_passed_on_nor_empty(
    stranger: IndexClient, holder: IndexClient, settings, name: str, is_covered: bool
):
    settings.INDEX_UPSTREAM = "https://upstream.example/simple"
    ReservedName.objects.create(normalized_name="hare", is_prefix=True)
    ReservedName.objects.create(normalized_name="taken")

    assert stranger.get(f"/simple/{name}/").status == (401 if is_covered else 307)
    assert holder.get(f"/simple/{name}/").status == (402 if is_covered else 307)


def test_an_unknown_file_is_not_found(holder: IndexClient, pro: Tier):
    file = make_file(make_release(make_project(tiers=[pro])))
    url = url_of(file)

    for wrong in (
        url.replace("hare_pro", "hare_por"),
        f"/files/{'0' * 16}/{file.filename}",
        f"/files/{file.sha256}/{file.filename}",
        f"/files/{file.sha256[:8]}/{file.filename}",
        f"{url}.metadata.metadata",
        f"{url}/",
        "/files/",
        "/files/../../etc/passwd",
        "/files",
    ):
        assert holder.get(wrong).status == 404, wrong
