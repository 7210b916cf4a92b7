"""Who may ask the license API, what it costs, and when there is no answer."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from wheelbarrow_client.tokens import read_token

from lib.tokens import TokenKind, mint_token
from licenses import leases
from licenses.credentials import create_lease_credential, revoke_credential, rotate_credential
from licenses.models import Credential, License, SigningKey
from licenses.root_key import public_key_text
from licenses.scopes import make_scope
from licenses.signing_keys import signer_for
from licenses.status import revoke_license
from tests.licenses.api import IID, ApiClient
from tests.licenses.leasing import BOTH
from tests.make import make_credential

pytestmark = [pytest.mark.django_db(databases=BOTH), pytest.mark.usefixtures("root_key")]


def test_without_a_usable_credential_the_answer_is_401_and_says_why(license: License):
    now = timezone.now()
    credential, token = create_lease_credential(license.pk, name="prod", at=now)
    _, index_key = make_credential(license.customer)
    revoke_credential(credential.pk, at=now, reason="leaked")

    def said(token: str) -> str:
        response = ApiClient(token).put(IID)
        assert response.status_code == 401
        assert response["WWW-Authenticate"] == "Bearer"
        return response.json()["error"]

    assert said("") == "No credential was sent"
    assert said(token[:-1] + "!") == "The credential is malformed: a character is wrong or missing"
    assert said(mint_token(TokenKind.LEASE)) == "The credential is unknown"
    assert said(token).startswith(
        f'The credential "prod" (...{token[-4:]}) was revoked on {now:%Y-%m-%d}, leaked; http://'
    )
    assert "is of the other kind: it opens the index and leases nothing; " in said(index_key)
    assert Client().put(f"/v1/leases/{IID}", "{}").status_code == 401


def test_a_typo_costs_no_query(api: ApiClient, django_assert_num_queries):
    with django_assert_num_queries(0):
        ApiClient(mint_token(TokenKind.LEASE)[:-2] + "xx").put(IID)


def test_a_rotated_credential_works_for_seven_days_and_then_names_its_successor(
    license: License, time_machine
):
    start = timezone.now()
    time_machine.move_to(start)
    old, old_token = create_lease_credential(license.pk, name="prod", at=start)
    successor, token = rotate_credential(old.pk, at=start)

    time_machine.move_to(start + timedelta(days=7, seconds=-1))
    both = [ApiClient(one).put(IID).status_code for one in (old_token, token)]
    time_machine.move_to(start + timedelta(days=7))
    late = ApiClient(old_token).put(IID)

    assert both == [200, 200]
    assert late.status_code == 401
    assert f"use its successor (...{successor.hint})" in late.json()["error"]
    assert ApiClient(token).put(IID).status_code == 200


def test_the_use_of_a_credential_is_noted_once_in_five_minutes(api: ApiClient):
    api.lease(IID)
    first = Credential.objects.get()
    api.lease(IID)

    assert first.last_client == "hare-ent/2.1.0"
    assert Credential.objects.get().last_used_at == first.last_used_at


def test_a_renewal_costs_four_statements(api: ApiClient, django_assert_num_queries):
    api.lease(IID)

    with django_assert_num_queries(1):
        api.lease(IID)  # the credential with its license; the other two are on the other alias
    with django_assert_num_queries(2, using="volatile"):
        api.lease(IID)


def test_a_lease_key_for_a_network_is_refused_elsewhere(license: License, settings):
    settings.TRUSTED_PROXIES = 1
    scope = make_scope(networks=["192.0.2.0/24"])
    credential, token = create_lease_credential(
        license.pk, name="prod", at=timezone.now(), scope=scope
    )
    api = ApiClient(token)

    def ask(address: str) -> HttpResponse:
        api.headers["X-Forwarded-For"] = f"10.0.0.1, {address}"
        return api.put(IID)

    assert ask("192.0.2.7").status_code == 200
    refused = ask("198.51.100.1")
    assert refused.status_code == 401
    assert "is not for this network" in refused.json()["error"]
    assert ask("192.0.2.8").status_code == 200
    credential.refresh_from_db()
    assert credential.last_network == "192.0.2.0/24"


def test_a_database_that_is_away_is_503_and_never_a_verdict(
    api: ApiClient, monkeypatch: pytest.MonkeyPatch
):
    def away(*args: object, **kwargs: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(leases, "_settle", away)
    response = api.put(IID)

    assert response.status_code == 503
    assert response["Retry-After"] == "30"


def test_a_shop_without_keys_answers_503(api: ApiClient, settings):
    settings.LICENSE_ROOT_KEY_FILE = ""

    assert api.put(IID).status_code == 503
    assert Client().get("/v1/keys").status_code == 503


def test_the_list_of_what_was_revoked_is_signed_and_public(api: ApiClient, license: License):
    revoke_license(license.pk, at=timezone.now(), reason="abuse")

    response = Client().get("/v1/keys")

    token = response.json()["licenses"]
    roots = [public_key_text()]
    listed = read_token(token, roots, purpose=b"wheelbarrow-revoked-v1", use="license")
    assert listed["revoked"] == [str(license.pk)]
    assert response["Cache-Control"] == "public, max-age=3600"
    assert response.json()["keys"] is None
    assert response.json()["certificates"] == [
        signer_for(SigningKey.Use.LICENSE, timezone.now()).cert
    ]


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_other_methods_are_405(api: ApiClient, method: str):
    assert api.send(method, f"/v1/leases/{IID}").status_code == 405
