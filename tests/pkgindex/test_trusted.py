"""Trusted publishing: who gets an upload token for showing who he is, and for what."""

import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from pkgindex.models import Project, TrustedPublisher, UploadToken
from pkgindex.trusted.minting import LIFETIME, revoke_publisher
from tests.pkgindex.issuer import Issuer, encode, running_issuer, sign
from tests.pkgindex.make import make_project
from tests.pkgindex.uploader import Uploader

pytestmark = [pytest.mark.django_db, pytest.mark.enable_socket]


@pytest.fixture(scope="module")
def running() -> Iterator[Issuer]:
    with running_issuer() as issuer:
        yield issuer


@pytest.fixture
def issuer(running: Issuer, settings) -> Issuer:
    settings.HOST = "127.0.0.1"
    cache.clear()
    running.fetched.clear()
    return running


@pytest.fixture
def project(db: None) -> Project:
    return make_project("hare-pro")


@pytest.fixture
def publisher(issuer: Issuer, project: Project) -> TrustedPublisher:
    return make_publisher(issuer, project)


def make_publisher(issuer: Issuer, *projects: Project, **fields: Any) -> TrustedPublisher:
    values = {
        "kind": "gitlab",
        "issuer": issuer.url,
        "repository": "hare/hare-pro",
        "workflow": ".gitlab-ci.yml",
    }
    row = TrustedPublisher.objects.create(**(values | fields))
    row.projects.set(projects)
    return row


def post(path: str, token: Any) -> tuple[int, dict[str, Any]]:
    body = token if isinstance(token, bytes) else json.dumps({"token": token}).encode()
    response = Client(enforce_csrf_checks=True).post(
        f"/_/oidc/{path}", body, content_type="application/json"
    )
    return response.status_code, response.json()


def mint(claims: dict[str, Any], **how: Any) -> str:
    status, answer = post("mint-token", sign(claims, **how))
    assert status == 200, answer
    secret: str = answer["token"]
    return secret


def refused(token: Any) -> str:
    """Why no token was made of it, and that none was."""
    before = UploadToken.objects.count()
    status, answer = post("mint-token", token)
    assert status == 422, answer
    assert UploadToken.objects.count() == before
    reason: str = answer["errors"][0]["description"]
    return reason


def test_a_job_of_the_workflow_gets_a_token_for_its_projects_and_for_a_while(
    issuer: Issuer, publisher: TrustedPublisher
):
    make_project("hare-ent")

    secret = mint(issuer.gitlab())

    assert Uploader(secret).wheel("hare-pro", "1.0").status == 200
    assert Uploader(secret).wheel("hare-ent", "1.0").status == 403
    assert Uploader(secret).wheel("new", "1.0").status == 403
    with time_machine.travel(timezone.now() + LIFETIME + timedelta(seconds=1), tick=False):
        assert Uploader(secret).wheel("hare-pro", "2.0").status == 401


def test_the_audience_is_this_shop(issuer: Issuer):
    response = Client().get("/_/oidc/audience")

    assert response.json() == {"audience": "127.0.0.1"}


def test_a_job_at_github_is_known_by_repository_workflow_and_environment(
    issuer: Issuer, project: Project
):
    make_publisher(
        issuer,
        project,
        kind="github",
        repository="hare/hare-pro",
        workflow="release.yml",
        environment="PyPI",
    )

    assert mint(issuer.github()).startswith("wb_up_")
    assert issuer.fetched == ["/.well-known/jwks"]


@pytest.mark.parametrize(
    "claims",
    [
        {"repository": "evil/hare-pro"},
        {"repository": ""},
        {"job_workflow_ref": "Hare/hare-pro/.github/workflows/other.yml@refs/tags/v1"},
        {"job_workflow_ref": "evil/x/.github/workflows/release.yml@refs/tags/v1"},
        # A workflow whose file is called "release.yml@x.yml".
        {"job_workflow_ref": "Hare/hare-pro/.github/workflows/release.yml@x.yml@refs/tags/v1"},
        {"job_workflow_ref": None},
        {"environment": "test"},
        {"environment": None},
        {"event_name": "pull_request_target"},
    ],
)
def test_a_job_of_another_repository_workflow_or_environment_gets_nothing(
    issuer: Issuer, project: Project, claims: dict[str, Any]
):
    fields = {"kind": "github", "workflow": "release.yml", "environment": "pypi"}
    make_publisher(issuer, project, **fields)

    assert "No trusted publisher is configured for" in refused(sign(issuer.github(**claims)))


@pytest.mark.parametrize(
    "claims",
    [
        {"project_path": "hare/other"},
        {"ci_config_ref_uri": "gitlab.com/hare/hare-pro//.gitlab-ci.yml@refs/heads/main"},
        {"ci_config_ref_uri": None},
    ],
)
def test_a_job_of_another_project_at_gitlab_gets_nothing(
    issuer: Issuer, publisher: TrustedPublisher, claims: dict[str, Any]
):
    assert "No trusted publisher is configured" in refused(sign(issuer.gitlab(**claims)))


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"aud": "other.example"}, "not for the audience '127.0.0.1' alone"),
        ({"aud": ["127.0.0.1", "other.example"]}, "not for the audience"),
        ({"aud": None}, "not for the audience"),
        ({"exp": 1}, "has expired"),
        ({"exp": "9999999999"}, "does not say when"),
        ({"exp": float("nan")}, "does not say when"),
        ({"exp": None}, "does not say when"),
        ({"nbf": 9_999_999_999}, "begins in the future"),
        ({"iss": "https://evil.example"}, "No trusted publisher has the issuer"),
        ({"iss": None}, "No trusted publisher has the issuer"),
        ({"project_id": None}, "does not say the id"),
    ],
)
def test_an_identity_that_is_not_for_us_now_opens_nothing(
    issuer: Issuer, publisher: TrustedPublisher, claims: dict[str, Any], sentence: str
):
    assert sentence in refused(sign(issuer.gitlab(**claims)))


def test_an_identity_that_the_issuer_did_not_sign_opens_nothing(
    issuer: Issuer, publisher: TrustedPublisher
):
    claims = issuer.gitlab()
    head, body, signature = sign(claims).split(".")
    changed = encode(json.dumps(claims | {"project_id": "43"}).encode())

    assert "signature of the identity is wrong" in refused(sign(claims, by="somebody"))
    assert "signature of the identity is wrong" in refused(f"{head}.{changed}.{signature}")
    for algorithm in ("none", "HS256", "ES256", "", None):
        assert "RS256" in refused(sign(claims, header={"alg": algorithm}))
    assert "RS256" in refused(sign(claims, header={"crit": ["x"]}))
    assert "no key of the id" in refused(sign(claims, header={"kid": "other"}))
    assert "no key of the id" in refused(sign(claims, header={"kid": None}))
    assert "not a JSON web token" in refused(f"{head}.{body}")


@pytest.mark.parametrize(
    "token",
    [
        b"", b"{", b"[]", b'{"token": 5}', b'{"token": "\xff"}', b'{"token": "\\u00e4.b.c"}',
        "", "a.b.c", "..", "e30.e30.", "W10.W10.W10", "x" * 40_000, "." * 200, "1.2.3.4",
        b"[" * 20_000, b'{"token": "' + b"e30." * 5000 + b'"}',
    ],
)  # fmt: skip
def test_what_is_no_identity_opens_nothing(
    issuer: Issuer, publisher: TrustedPublisher, token: str | bytes
):
    refused(token)

    assert issuer.fetched == []


def test_each_identity_is_good_once(issuer: Issuer, publisher: TrustedPublisher):
    proof = sign(issuer.gitlab())
    assert post("mint-token", proof)[0] == 200

    assert "was used before" in refused(proof)
    assert "was used before" in refused(f"{proof}==")


def test_a_name_that_somebody_else_took_over_is_not_trusted(
    issuer: Issuer, publisher: TrustedPublisher
):
    mint(issuer.gitlab())

    assert "another repository than it was" in refused(sign(issuer.gitlab(project_id="43")))
    mint(issuer.gitlab())


def test_a_revoked_publisher_gets_nothing_and_its_tokens_end(
    issuer: Issuer, publisher: TrustedPublisher
):
    secret = mint(issuer.gitlab())

    revoke_publisher(publisher.pk, at=timezone.now())

    assert Uploader(secret).wheel("hare-pro", "1.0").status == 401
    assert "No trusted publisher has the issuer" in refused(sign(issuer.gitlab()))


def test_a_publisher_without_projects_publishes_nothing(issuer: Issuer):
    """A token without projects made by hand publishes all; this one must not."""
    make_publisher(issuer)

    secret = mint(issuer.gitlab())

    assert Uploader(secret).wheel("hare-pro", "1.0").status == 403


def test_a_burnt_token_opens_nothing_and_one_made_by_hand_is_not_burnt(
    issuer: Issuer, publisher: TrustedPublisher, uploader: Uploader
):
    secret = mint(issuer.gitlab())

    for token in (secret, secret, uploader.token, "unknown"):
        assert post("burn-token", token) == (200, {"success": True})

    assert Uploader(secret).wheel("hare-pro", "1.0").status == 401
    assert uploader.wheel("hare-pro", "1.0").status == 200


def test_keys_are_fetched_once_and_forged_ids_do_not_change_that(
    issuer: Issuer, publisher: TrustedPublisher
):
    for number in range(5):
        refused(sign(issuer.gitlab(), header={"kid": f"forged-{number}"}))
    mint(issuer.gitlab())

    assert issuer.fetched == ["/oauth/discovery/keys"]


def test_an_issuer_that_is_away_is_said_so(issuer: Issuer, project: Project):
    away = Issuer("http://127.0.0.1:9")
    make_publisher(away, project)

    status, answer = post("mint-token", sign(away.gitlab()))

    assert status == 503
    assert "try again in a minute" in answer["errors"][0]["description"]


def test_an_issuer_that_speaks_no_http_is_said_to_be_away(project: Project):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        strange = Issuer(f"http://127.0.0.1:{listener.getsockname()[1]}")
        make_publisher(strange, project)
        thread = threading.Thread(target=say_nonsense, args=[listener])
        thread.start()

        status, _ = post("mint-token", sign(strange.gitlab()))
        thread.join()

    assert status == 503


def say_nonsense(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


def test_an_issuer_without_tls_is_only_for_the_demo(settings):
    settings.RELAXED = False
    publisher = TrustedPublisher(issuer="http://gitlab.example", kind="gitlab")

    with pytest.raises(ValidationError, match="https"):
        publisher.clean()


def test_the_usual_issuers_need_not_be_typed():
    github, gitlab = TrustedPublisher(kind="github"), TrustedPublisher(kind="gitlab")
    github.clean()
    gitlab.clean()

    assert github.keys_url == "https://token.actions.githubusercontent.com/.well-known/jwks"
    assert gitlab.keys_url == "https://gitlab.com/oauth/discovery/keys"
