"""Who gets which status. The table stands at the head of pkgindex/index/app.py."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from lib.tokens import TokenKind, mint_token
from licenses import credentials, status
from licenses.models import License, Tier
from pkgindex.models import File, ReservedName
from pkgindex.snapshot import snapshot_folder
from tests.make import make_credential, make_customer, make_license
from tests.pkgindex.index_client import JSON, IndexClient
from tests.pkgindex.make import make_file, make_project, make_release, make_upload_token, url_of

pytestmark = pytest.mark.django_db

ENDED = datetime(2026, 6, 1, tzinfo=UTC)
BEFORE, AFTER = ENDED - timedelta(days=30), ENDED + timedelta(days=30)
MOVES = {
    "suspended": status.suspend_license,
    "revoked": status.revoke_license,
    "lapsed": status.lapse_license,
}


def lapse(license: License) -> None:
    License.objects.filter(pk=license.pk).update(updates_until=ENDED)
    status.lapse_license(license.pk, at=timezone.now(), reason="ended")


def doors_of(file: File) -> list[tuple[str, str, dict[str, str]]]:
    """Every way to ask for the bytes of a file or for its metadata."""
    url = url_of(file)
    return [
        ("GET", url, {}),
        ("HEAD", url, {}),
        ("GET", url, {"range": "bytes=0-3"}),
        ("GET", url, {"if_none_match": f'"{file.sha256}"'}),
        ("GET", f"{url}.metadata", {}),
        ("HEAD", f"{url}.metadata", {}),
    ]


def statuses(client: IndexClient, file: File) -> set[int]:
    return {
        client.get(url, method=method, **headers).status for method, url, headers in doors_of(file)
    }


def test_anybody_may_have_a_public_project(stranger: IndexClient, holder: IndexClient):
    file = make_file(make_release(make_project("hare", is_public=True)))

    for client in (stranger, holder):
        assert client.page("/simple/hare/")["files"][0]["yanked"] is False
        assert statuses(client, file) == {200, 206, 304}


def test_a_revoked_license_still_has_the_public_project(holder: IndexClient, license: License):
    file = make_file(make_release(make_project("hare", is_public=True)))
    status.revoke_license(license.pk, at=timezone.now(), reason="refund")

    assert statuses(holder, file) == {200, 206, 304}


def test_a_holder_may_have_what_his_tier_grants(holder: IndexClient, pro: Tier):
    file = make_file(make_release(make_project(tiers=[pro])))

    assert holder.page("/simple/hare-pro/")["versions"] == ["1.0"]
    assert statuses(holder, file) == {200, 206, 304}


def test_a_stranger_is_asked_for_a_key(stranger: IndexClient, pro: Tier):
    file = make_file(make_release(make_project(tiers=[pro])))

    reply = stranger.get("/simple/hare-pro/")

    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert "hare_pro" not in reply.text
    assert statuses(stranger, file) == {401}


def test_a_tier_that_does_not_cover_a_project_sees_it_listed_and_gets_402(
    holder: IndexClient, enterprise: Tier
):
    file = make_file(make_release(make_project("hare-ent", tiers=[enterprise])))

    reply = holder.get(url_of(file))

    assert holder.page("/simple/hare-ent/")["versions"] == ["1.0"]
    assert statuses(holder, file) == {402}
    assert reply.reason == (
        "Your license does not cover this project, it needs Hare Enterprise;"
        " see http://testserver/pricing/"
    )
    assert reply.text == f"{reply.reason}\n"


def test_a_project_that_no_tier_grants_is_for_nobody(holder: IndexClient, stranger: IndexClient):
    file = make_file(make_release(make_project("hare-next")))

    assert statuses(holder, file) == {402}
    assert statuses(stranger, file) == {401}
    assert stranger.get("/simple/hare-next/").status == 401


@pytest.mark.parametrize("name", ["suspended", "revoked", "lapsed"])
def test_a_license_that_is_not_active_keeps_the_page_and_loses_the_files(
    holder: IndexClient, license: License, pro: Tier, name: str
):
    file = make_file(make_release(make_project(tiers=[pro]), released_at=AFTER))
    License.objects.filter(pk=license.pk).update(updates_until=ENDED)
    MOVES[name](license.pk, at=timezone.now(), reason="test")

    reply = holder.get(url_of(file))

    assert holder.get("/simple/hare-pro/").status == 200
    assert statuses(holder, file) == {402}
    assert reply.reason.startswith("Your license of Hare Pro ")
    assert reply.reason.endswith("; see http://testserver/account/")


def test_of_two_lapsed_licenses_the_one_that_lasted_longer_says_what_is_covered(
    holder: IndexClient, license: License, pro: Tier
):
    project = make_project(tiers=[pro])
    between = make_file(make_release(project, "1.0", released_at=AFTER))
    newest = make_file(make_release(project, "2.0", released_at=AFTER + timedelta(days=90)))
    lapse(license)
    again = make_license(customer=license.customer, tier=pro)
    License.objects.filter(pk=again.pk).update(updates_until=AFTER)
    status.lapse_license(again.pk, at=timezone.now(), reason="ended")

    reply = holder.get(url_of(newest))

    assert statuses(holder, between) == {200, 206, 304}
    assert reply.reason.startswith(f"Your license of Hare Pro ended {AFTER:%Y-%m-%d} and covers")


def test_a_lapsed_license_keeps_the_releases_it_paid_for(
    holder: IndexClient, license: License, pro: Tier
):
    project = make_project(tiers=[pro])
    older = make_file(make_release(project, "1.0", released_at=ENDED))
    newer = make_file(make_release(project, "2.0", released_at=AFTER))
    lapse(license)

    page = holder.page("/simple/hare-pro/")

    assert page["versions"] == ["1.0", "2.0"]
    reason = "Your license of Hare Pro ended 2026-06-01 and covers releases up to then"
    assert [file["yanked"] for file in page["files"]] == [
        False,
        f"{reason}; see http://testserver/account/",
    ]
    assert statuses(holder, older) == {200, 206, 304}
    assert statuses(holder, newer) == {402}


def test_a_lapsed_license_gets_a_newer_release_that_was_backported(
    holder: IndexClient, license: License, pro: Tier
):
    release = make_release(
        make_project(tiers=[pro]), "1.0.1", released_at=AFTER, backported_to=BEFORE
    )
    file = make_file(release)
    lapse(license)

    assert statuses(holder, file) == {200, 206, 304}


def test_a_backport_date_never_takes_a_release_away(
    holder: IndexClient, license: License, pro: Tier
):
    release = make_release(make_project(tiers=[pro]), released_at=BEFORE, backported_to=AFTER)
    file = make_file(release)
    lapse(license)

    assert statuses(holder, file) == {200, 206, 304}


def test_where_a_holder_may_have_nothing_no_file_is_marked(
    holder: IndexClient, license: License, pro: Tier
):
    """pip says nothing about a project that is all yanked; it prints the 402 of a file."""
    make_file(make_release(make_project(tiers=[pro]), released_at=AFTER))
    lapse(license)

    (file,) = holder.page("/simple/hare-pro/")["files"]

    assert file["yanked"] is False


def test_a_yank_by_the_owner_shows_to_whoever_may_have_the_file(holder: IndexClient, pro: Tier):
    project = make_project(tiers=[pro])
    make_file(make_release(project, "1.0", yank_reason="loses jobs"))
    make_file(make_release(project, "1.1", yank_reason=""))

    files = holder.page("/simple/hare-pro/")["files"]

    assert [file["yanked"] for file in files] == ["loses jobs", True]


def test_the_best_of_several_licenses_decides(license: License, pro: Tier, enterprise: Tier):
    make_license(customer=license.customer, tier=enterprise)
    status.revoke_license(license.pk, at=timezone.now(), reason="refund")
    holder = IndexClient(make_credential(license.customer)[1])
    file = make_file(make_release(make_project("hare-ent", tiers=[enterprise])))

    assert statuses(holder, file) == {200, 206, 304}


def test_a_customer_without_a_license_is_not_covered(pro: Tier):
    client = IndexClient(make_credential(make_customer())[1])
    file = make_file(make_release(make_project(tiers=[pro])))

    assert client.get("/simple/hare-pro/").status == 200
    assert statuses(client, file) == {402}


# --- keys -------------------------------------------------------------------------------------


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


# --- names ------------------------------------------------------------------------------------


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
