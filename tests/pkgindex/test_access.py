"""Who gets which status. The table stands at the head of pkgindex/index/app.py."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from licenses import status
from licenses.models import License, Tier
from pkgindex.models import File
from tests.make import make_credential, make_customer, make_license
from tests.pkgindex.index_client import IndexClient
from tests.pkgindex.make import make_file, make_project, make_release, url_of

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
