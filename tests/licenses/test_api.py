"""The license API over HTTP: codes, signatures, refusals."""

import json
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone
from wheelbarrow_client import InvalidLicense, verify
from wheelbarrow_client.tokens import read_token

from licenses.issuing import Grant, renew_license
from licenses.models import Lease, License
from licenses.root_key import public_key_text
from licenses.status import lapse_license, revoke_license
from tests.licenses.api import IID, LEASE, ApiClient, claims
from tests.licenses.leasing import BOTH

pytestmark = [pytest.mark.django_db(databases=BOTH), pytest.mark.usefixtures("root_key")]


def test_an_answer_is_signed_and_says_everything(api: ApiClient, license: License):
    answer = api.lease(IID, nonce="abc", seq=17)

    iat = answer.pop("iat")
    assert abs(iat - timezone.now().timestamp()) < 5
    assert answer == {
        "v": 1,
        "iid": str(IID),
        "lid": str(license.pk),
        "nonce": "abc",
        "seq": 17,
        "code": "OK",
        "firm": 10,
        "surge": 0,
        "surge_s": 0,
        "ttl_s": 900,
        "next_s": 300,
        "grace_s": 2_592_000,
        "pool": {"limit": 100, "firm": 10, "surge": 0, "leases": 1},
        "lic_rev": 1,
        "msg": "",
        "url": f"http://testserver/account/licenses/{license.pk}/threads/",
    }


def test_a_lease_answer_is_no_license_and_no_certificate(api: ApiClient):
    token = api.put(IID).json()["lease"]

    for purpose, use in [(b"wheelbarrow-license-v1", "license"), (LEASE, "license")]:
        with pytest.raises(InvalidLicense):
            read_token(token, [public_key_text()], purpose=purpose, use=use)
    with pytest.raises(InvalidLicense):
        verify(token, [public_key_text()])


def test_who_is_refused_is_told_the_limit_and_where_to_get_more(api: ApiClient):
    for _ in range(4):
        api.lease(uuid.uuid4(), threads=50)

    answer = api.lease(IID, threads=50)

    assert (answer["code"], answer["firm"], answer["surge"]) == ("OVER_LIMIT", 0, 0)
    assert answer["msg"] == "The license allows 100 threads; all of them are in use."
    assert answer["url"].startswith("http://testserver/account/licenses/")
    assert answer["next_s"] == 60


def test_who_is_refused_outside_production_is_told_how_many_may_run_there(api: ApiClient):
    answer = api.lease(IID, threads=501, env="staging")

    assert (answer["code"], answer["firm"]) == ("OVER_LIMIT", 500)
    assert answer["msg"] == "Outside production 500 threads may run; all of them are in use."


def test_goodbye_frees_the_threads_and_is_always_204(api: ApiClient):
    api.lease(IID)

    statuses = [api.send("DELETE", f"/v1/leases/{IID}").status_code for _ in range(2)]

    assert statuses == [204, 204]
    assert Lease.objects.count() == 0


def test_a_stuck_lease_is_released_by_hand(api: ApiClient):
    api.lease(IID)

    said = [api.send("POST", f"/v1/leases/{IID}:release").json() for _ in range(2)]

    assert said == [{"released": True}, {"released": False}]


def test_in_a_batch_whoever_was_refused_is_told_why_though_another_has_surge(api: ApiClient):
    """Without the sentence his log would name no limit, and say so again each minute."""
    members = [{"iid": str(uuid.uuid4()), "threads": threads} for threads in (150, 100)]

    response = api.send("POST", "/v1/leases:batch", json.dumps({"v": 1, "members": members}))

    answer = claims(response.json()["leases"])
    assert [member["code"] for member in answer["members"]] == ["SURGE", "OVER_LIMIT"]
    assert answer["msg"] == "The license allows 100 threads; all of them are in use."


def test_a_batch_is_answered_under_one_signature(api: ApiClient):
    iids = [str(uuid.uuid4()) for _ in range(5)]
    members = [{"iid": iid, "threads": 50} for iid in iids]
    body = {"v": 1, "nonce": "n", "seq": 3, "pkg": "hare-ent", "ver": "2.1.0", "members": members}

    response = api.send("POST", "/v1/leases:batch", json.dumps(body))

    answer = claims(response.json()["leases"])
    assert [member["iid"] for member in answer["members"]] == iids
    assert [member["code"] for member in answer["members"]] == [
        "OK", "OK", "SURGE", "SURGE", "OVER_LIMIT",
    ]  # fmt: skip
    assert (answer["nonce"], answer["seq"], answer["next_s"]) == ("n", 3, 60)
    assert {row.package for row in Lease.objects.all()} == {"hare-ent/2.1.0"}


def test_the_document_comes_with_an_etag_and_changes_with_the_rev(api: ApiClient, license: License):
    first = api.send("GET", "/v1/license")
    same = api.send("GET", "/v1/license", **{"If-None-Match": first["ETag"]})
    grant = Grant(
        tier_id=license.tier_id, kind="limited", threads=300, paid_through=license.paid_through
    )
    renew_license(license.pk, grant=grant, at=timezone.now())
    answer = api.lease(IID)
    newer = api.send("GET", "/v1/license", **{"If-None-Match": first["ETag"]})

    assert (first.status_code, same.status_code, newer.status_code) == (200, 304, 200)
    assert verify(first.content.decode(), [public_key_text()]).threads == 100
    found = verify(newer.content.decode(), [public_key_text()])
    assert (found.threads, found.rev) == (300, 2)
    assert answer["lic_rev"] == 2


def test_a_revoked_license_has_no_document_and_the_lapsed_one_still_has(
    api: ApiClient, license: License
):
    lapse_license(license.pk, at=timezone.now(), reason="ended")
    lapsed = api.send("GET", "/v1/license")
    revoke_license(license.pk, at=timezone.now(), reason="abuse")
    revoked = api.send("GET", "/v1/license")
    answer = api.lease(IID)

    assert lapsed.status_code == 200
    assert (revoked.status_code, revoked.json()) == (403, {"error": "The license is revoked."})
    assert (answer["code"], answer["firm"]) == ("REVOKED", 0)


def test_what_we_count_can_be_read(api: ApiClient):
    api.lease(IID, threads=60, slot="web/1", pkg="hare-ent", ver="2.1.0")

    found = api.send("GET", "/v1/usage").json()

    (lease,) = found["leases"]
    (hour,) = found["hours"]
    assert found["limit"] == 100
    assert (lease["iid"], lease["slot"], lease["firm"]) == (str(IID), "web/1", 60)
    assert lease["package"] == "hare-ent/2.1.0"
    assert (hour["peak"], hour["processes"], hour["refused"]) == (60, 1, 0)


def test_usage_of_a_span(api: ApiClient):
    api.lease(IID)
    tomorrow = (timezone.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")

    assert api.send("GET", f"/v1/usage?from={tomorrow}").json()["hours"] == []
    assert api.send("GET", "/v1/usage?to=soon").status_code == 422
    assert api.send("GET", "/v1/usage?to=2026-13-01T00:00:00Z").status_code == 422


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"threads": -1}, "threads"),
        ({"threads": "10"}, "threads"),
        ({"threads": True}, "threads"),
        ({"threads": 10**9}, "threads"),
        ({"threads": None}, "threads"),
        ({"slot": "x" * 81}, "slot"),
        ({"slot": "a\nb"}, "slot"),
        ({"env": 7}, "env"),
        ({"nonce": "x" * 65}, "nonce"),
        ({"seq": 1.5}, "seq"),
        ({"pkg": "x" * 4096}, "4096"),
    ],
)
def test_a_malformed_request_is_422_and_says_which_field(api: ApiClient, fields, says: str):
    response = api.put(IID, **fields)

    assert response.status_code == 422
    assert says in response.json()["error"]
    assert Lease.objects.count() == 0


@pytest.mark.parametrize("body", ["", "[]", "no json", "[" * 3000, '"x"', "\x00"])
def test_a_body_that_is_no_object_is_422(api: ApiClient, body: str):
    assert api.send("PUT", f"/v1/leases/{IID}", body).status_code == 422
    assert api.send("POST", "/v1/leases:batch", body).status_code == 422


@pytest.mark.parametrize(
    "members",
    [
        None,
        [],
        [7],
        [{"iid": "x", "threads": 1}],
        [{"threads": 1}],
        [{"iid": str(IID), "threads": 1}] * 2,
        [{"iid": str(uuid.uuid4()), "threads": 1} for _ in range(501)],
    ],
)
def test_a_malformed_batch_is_422(api: ApiClient, members):
    response = api.send("POST", "/v1/leases:batch", json.dumps({"members": members}))

    assert response.status_code == 422
    assert Lease.objects.count() == 0


def test_an_old_client_is_told_and_served(api: ApiClient):
    answer = api.lease(IID, v=0)

    assert (answer["code"], answer["firm"]) == ("UPGRADE_CLIENT", 10)
