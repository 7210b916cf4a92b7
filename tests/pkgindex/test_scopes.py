"""Keys that are limited to products, versions or networks, and keys that ended."""

import json
import re
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lib.tokens import TokenKind, mint_token
from licenses.credentials import (
    create_credential,
    create_lease_credential,
    revoke_credential,
    rotate_credential,
)
from licenses.entitlements import find_holder, may_download
from licenses.gift_ends import end_gifts
from licenses.models import License, Tier
from licenses.scopes import Scope, make_scope
from licenses.status import lapse_license, suspend_license
from pkgindex.models import File, Project
from pkgindex.snapshot import export_snapshot, snapshot_path
from tests.make import make_customer, make_license, make_tier
from tests.pkgindex.index_client import IndexClient
from tests.pkgindex.make import make_file, make_project, make_release

pytestmark = pytest.mark.django_db


def limited(license: License, scope: Scope, **options: str) -> IndexClient:
    _, key = create_credential(license.customer_id, name="ci", at=timezone.now(), scope=scope)
    return IndexClient(key, **options)


def publish(project: Project, *versions: str) -> list[File]:
    return [make_file(make_release(project, version)) for version in versions]


def yanked(client: IndexClient, project: str) -> dict[str, object]:
    """Version to reason, of what is marked on the page."""
    files = client.page(f"/simple/{project}/")["files"]
    return {re.findall(r"-(\d[^-]*)-", f["filename"])[0]: f["yanked"] for f in files if f["yanked"]}


def statuses(client: IndexClient, files: list[File]) -> list[int]:
    return [client.get(f"/files/{file.sha256[:16]}/{file.filename}").status for file in files]


def test_a_key_for_a_range_of_versions_sees_the_others_yanked_and_gets_402(
    license: License, pro: Tier
):
    files = publish(make_project(tiers=[pro]), "3.0rc1", "3.9", "4.0")
    client = limited(license, make_scope(versions="<4"))

    assert yanked(client, "hare-pro") == {
        "4.0": "This credential is limited to versions <4; see http://testserver/account/"
    }
    assert statuses(client, files) == [200, 200, 402]
    refused = client.get(f"/files/{files[2].sha256[:16]}/{files[2].filename}.metadata")
    assert refused.status == 402
    assert refused.reason.startswith("This credential is limited to versions <4")


def test_a_key_for_one_product_gets_nothing_of_another(license: License, pro: Tier):
    hedgehog = make_tier("pro", product="hedgehog")
    make_license(customer=license.customer, tier=hedgehog)
    mine = publish(make_project(tiers=[pro]), "1.0")
    other = publish(make_project("hedgehog-pro", tiers=[hedgehog]), "1.0")
    both = publish(make_project("shared", tiers=[pro, hedgehog]), "1.0")
    client = limited(license, make_scope(products=["hare"]))

    assert statuses(client, [*mine, *other, *both]) == [200, 402, 200]
    refused = client.get(f"/files/{other[0].sha256[:16]}/{other[0].filename}")
    assert refused.reason.startswith("This credential is limited to hare; see http")
    # A public project is everybody's, whatever a key is limited to.
    free = publish(make_project("hedgehog", is_public=True), "9.0")
    assert statuses(limited(license, make_scope(products=["x"], versions="<1")), free) == [200]


@pytest.mark.parametrize("path", ["/simple/", "/simple/hare-pro/", "/pypi/hare-pro/json", "file"])
def test_a_key_for_a_network_opens_no_door_elsewhere(license: License, pro: Tier, path: str):
    (file,) = publish(make_project(tiers=[pro]), "1.0")
    path = path.replace("file", f"/files/{file.sha256[:16]}/{file.filename}")
    client = limited(license, make_scope(networks=["192.0.2.0/24", "2001:db8::/32"]))

    replies = {}
    for client.address in ("192.0.2.7", "2001:db8::9", "::ffff:192.0.2.8", "192.0.3.7", "::1", ""):
        replies[client.address] = client.get(path)

    assert [reply.status for reply in replies.values()] == [200, 200, 200, 401, 401, 401]
    assert re.fullmatch(
        r'The credential "ci" \(\.\.\.\w{4}\) is not for this network; http.*/account/',
        replies["192.0.3.7"].reason,
    )


def test_the_network_is_that_of_the_client_and_not_of_our_proxy(license: License, settings):
    settings.TRUSTED_PROXIES = 1
    client = limited(license, make_scope(networks=["192.0.2.0/24"]), address="10.0.0.1")

    assert client.get("/simple/", x_forwarded_for="192.0.2.7").status == 200
    assert client.get("/simple/", x_forwarded_for="192.0.2.7, 198.51.100.9").status == 401
    assert client.get("/simple/").status == 401
    settings.TRUSTED_PROXIES = 0
    client = limited(license, make_scope(networks=["192.0.2.0/24"]), address="10.0.0.1")
    assert client.get("/simple/", x_forwarded_for="192.0.2.7").status == 401


def test_the_same_file_is_checked_anew_for_each_network(license: License, pro: Tier):
    (file,) = publish(make_project(tiers=[pro]), "1.0")
    client = limited(license, make_scope(networks=["192.0.2.0/24"]), address="192.0.2.7")

    assert statuses(client, [file]) == [200]
    client.address = "203.0.113.1"
    assert statuses(client, [file]) == [401]
    client.address = "192.0.2.7"
    assert statuses(client, [file]) == [200]


def test_a_key_without_limits_has_none_in_the_snapshot(license: License):
    limited(license, Scope())
    limited(license, make_scope(versions="<4"))
    export_snapshot()

    with closing(sqlite3.connect(snapshot_path())) as snapshot:
        scopes = [row[0] for row in snapshot.execute("SELECT scope FROM credential ORDER BY id")]

    assert scopes[0] is None
    assert json.loads(scopes[1])["versions"] == "<4"


@given(
    products=st.sampled_from([[], ["hare"], ["hedgehog"], ["hare", "hedgehog"], ["other"]]),
    versions=st.sampled_from(["", "<2", ">=2", "==1.*,!=1.5"]),
    hare=st.sampled_from(["none", "active", "lapsed", "suspended", "evaluated"]),
    hedgehog=st.sampled_from(["none", "active", "lapsed"]),
)
@hypothesis_settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_index_says_what_the_licenses_say(
    products: list[str], versions: str, hare: str, hedgehog: str
):
    """One rule in two forms: `may_download` over rows, and the snapshot's rights."""
    now = timezone.now()
    customer, files = make_customer(), []
    for product, status in {"hare": hare, "hedgehog": hedgehog}.items():
        tier = make_tier("pro", product=product)
        if status != "none":
            ends = now - timedelta(days=10)
            license = make_license(customer=customer, tier=tier, paid_through=ends)
            move = {"lapsed": lapse_license, "suspended": suspend_license}.get(status)
            if move is not None:
                move(license.pk, at=now, reason="test")
            if status == "evaluated":
                License.objects.filter(pk=license.pk).update(kind=License.Kind.EVALUATION)
                end_gifts(now)
    projects = {
        "a": [make_tier("pro")],
        "b": [make_tier("pro"), make_tier("pro", product="hedgehog")],
    }
    for name, tiers in projects.items():
        project = Project.objects.filter(name=name).first() or make_project(name, tiers=tiers)
        for version, days in {"1.4": 20, "1.5": 20, "2.0": 5}.items():
            file = File.objects.filter(release__project=project, release__version=version).first()
            files.append(
                file
                or make_file(make_release(project, version, released_at=now - timedelta(days=days)))
            )
    scope = make_scope(products=products, versions=versions)
    _, key = create_credential(customer.pk, name="ci", at=now, scope=scope)
    holder = find_holder(key, now)
    assert holder is not None
    export_snapshot()

    for file in files:
        release = file.release
        verdict = may_download(
            holder,
            tier_ids=[tier.pk for tier in projects[release.project.name]],
            released_at=release.released_at,
            version=release.version,
        )
        reply = IndexClient(key).get_as_exported(f"/files/{file.sha256[:16]}/{file.filename}")
        assert (reply.status == 200) == verdict.is_allowed
        assert verdict.is_allowed or reply.reason.startswith(verdict.reason)


def reason_of(key: str) -> str:
    reply = IndexClient(key).get("/simple/")
    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"].startswith("Basic")
    return reply.reason


def test_a_revoked_key_is_told_when_and_why(license: License):
    credential, key = create_credential(license.customer_id, name="ci", at=timezone.now())
    revoke_credential(credential.pk, at=timezone.now(), reason="found in public")

    assert reason_of(key) == (
        f'The credential "ci" (...{key[-4:]}) was revoked on {timezone.now():%Y-%m-%d}, '
        "found in public; http://testserver/account/"
    )


def test_a_key_that_expires_says_so_without_a_new_snapshot(license: License, time_machine):
    ends = timezone.now() + timedelta(hours=2)
    client = limited(license, make_scope(expires_at=ends))
    assert client.get("/simple/").status == 200

    time_machine.move_to(ends)

    reply = client.get_as_exported("/simple/")
    assert reply.status == 401
    assert reply.reason.startswith(
        f'The credential "ci" (...{client.key[-4:]}) expired on {ends:%Y-%m-%d}; http'
    )


def test_a_rotated_key_names_its_successor_from_the_last_day_on(license: License, time_machine):
    old, key = create_credential(license.customer_id, name="ci", at=timezone.now())
    successor, new_key = rotate_credential(old.pk, at=timezone.now())
    client = IndexClient(key)
    assert client.get("/simple/").status == IndexClient(new_key).get("/simple/").status == 200

    time_machine.move_to(timezone.now() + timedelta(days=7))

    reply = client.get_as_exported("/simple/")
    assert reply.status == 401
    assert f"use its successor (...{successor.hint}); http" in reply.reason
    assert "was rotated on" in reply.reason


def test_a_typo_another_kind_and_a_stranger_are_told_apart(license: License):
    _, key = create_credential(license.customer_id, name="ci", at=timezone.now())
    _, lease_key = create_lease_credential(license.pk, name="prod", at=timezone.now())
    typo = key[:-1] + ("x" if key[-1] != "x" else "y")

    assert reason_of(typo) == "The key is malformed: a character is wrong or missing"
    assert reason_of(lease_key) == "This key leases threads; the index wants one of the other kind"
    assert reason_of(mint_token(TokenKind.INDEX)) == "The key is unknown"


def test_a_typo_asks_the_snapshot_nothing(license: License, monkeypatch: pytest.MonkeyPatch):
    _, key = create_credential(license.customer_id, name="ci", at=timezone.now())
    client = IndexClient(key[:-1])
    client.get("/simple/")
    from pkgindex.index.snapshot import Snapshot

    asked: list[str] = []
    real = Snapshot._ask

    def count(self: Snapshot, sql: str, *values: object) -> list[object]:
        asked.append(sql)
        return real(self, sql, *values)

    monkeypatch.setattr(Snapshot, "_ask", count)
    for end in "abc":
        client.key = key[:-1] + end
        if client.key != key:
            assert client.get_as_exported("/simple/").status == 401

    assert [sql for sql in asked if "meta" not in sql] == []


def test_the_name_of_a_key_breaks_no_status_line(license: License):
    credential, key = create_credential(
        license.customer_id, name="pr\u00fcfung\r\nX: 1", at=timezone.now()
    )
    revoke_credential(credential.pk, at=timezone.now())

    assert '"pr?fung??X: 1"' in reason_of(key)


def test_what_ended_long_ago_is_merely_unknown(license: License):
    long_ago = timezone.now() - timedelta(days=500)
    credential, key = create_credential(license.customer_id, name="ci", at=long_ago)
    revoke_credential(credential.pk, at=long_ago)

    assert reason_of(key) == "The key is unknown"
