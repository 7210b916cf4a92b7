"""Attestations (PEP 740): what is taken at upload, and what is served beside the file."""

import base64
import hashlib
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from django.core.files.storage import default_storage
from django.utils import timezone

from licenses.models import Tier
from pkgindex.models import File, Project, TrustedPublisher
from pkgindex.projects import define_project, set_project_status
from pkgindex.sweeping import sweep_leftovers
from pkgindex.upload_tokens import create_upload_token
from pkgindex.uploads.attestations import read_attestations
from pkgindex.uploads.refusals import UploadRefused
from tests.make import make_credential, make_license
from tests.pkgindex.attesting import (
    SLSA,
    attest,
    github_claims,
    gitlab_claims,
    make_certificate,
    make_statement,
)
from tests.pkgindex.index_client import IndexClient
from tests.pkgindex.make import make_project, make_upload_token
from tests.pkgindex.test_killed import LATER
from tests.pkgindex.uploader import Said, Uploader
from tests.pkgindex.wheels import build_wheel, wheel_name

pytestmark = pytest.mark.django_db

ISSUER = "https://gitlab.example"
WHEEL = build_wheel("hare-pro", "1.0")
NAME = wheel_name("hare-pro", "1.0")
SHA256 = hashlib.sha256(WHEEL).hexdigest()
STATEMENT = make_statement(NAME, SHA256)
CERTIFICATE = make_certificate(gitlab_claims(ISSUER))
VERSION_4 = CERTIFICATE.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x03", 1)  # no such yet
URL = f"/integrity/hare-pro/1.0/{NAME}/provenance"
Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def project(pro: Tier) -> Project:
    return make_project("hare-pro", tiers=[pro])


@pytest.fixture
def job(project: Project) -> Uploader:
    """A job at GitLab that has its token."""
    return make_job(project, issuer=ISSUER, kind="gitlab", workflow=".gitlab-ci.yml", number="42")


def make_job(
    project: Project, *, issuer: str, kind: str, workflow: str, number: str, environment: str = ""
) -> Uploader:
    publisher = TrustedPublisher.objects.create(
        kind=kind, issuer=issuer, repository="hare/hare-pro", workflow=workflow,
        repository_id=number, environment=environment,
    )  # fmt: skip
    publisher.projects.set([project])
    _, secret = create_upload_token(
        "job", at=timezone.now(), project_ids=[project.pk], publisher=publisher
    )
    return Uploader(secret)


def send(job: Uploader, *attestations: Any) -> Said:
    text = json.dumps(attestations)
    return job.wheel("hare-pro", "1.0", WHEEL, attestations=text)


def assert_refused(said: Said, sentence: str) -> None:
    assert said.status == 400, said
    assert said.body.startswith("Invalid attestations supplied during upload: "), said
    assert sentence in said.body, said
    assert said.reason == said.body.strip()
    assert not File.objects.exists()


def test_what_a_job_attests_is_served_beside_the_file(
    job: Uploader, holder: IndexClient, project: Project
):
    one = attest(STATEMENT, CERTIFICATE)
    other = attest(make_statement(NAME, SHA256, SLSA), CERTIFICATE)

    assert send(job, one, other).status == 200

    (entry,) = holder.page("/simple/hare-pro/")["files"]
    assert entry["provenance"] == f"http://testserver{URL}"
    html = holder.get("/simple/hare-pro/", accept="text/html").text
    assert f'data-provenance="http://testserver{URL}"' in html
    reply = holder.get(URL)
    assert reply.headers["Content-Type"] == "application/vnd.pypi.integrity.v1+json"
    assert reply.json() == {
        "version": 1,
        "attestation_bundles": [
            {
                "publisher": {
                    "kind": "GitLab",
                    "repository": "hare/hare-pro",
                    "workflow_filepath": ".gitlab-ci.yml",
                    "environment": None,
                },
                "attestations": [one, other],
            }
        ],
    }


def test_a_job_at_github_is_named_as_pypi_names_it(project: Project, holder: IndexClient):
    github = "https://token.actions.githubusercontent.com"
    job = make_job(
        project, issuer=github, kind="github", workflow="release.yml", number="74",
        environment="pypi",
    )  # fmt: skip

    said = send(job, attest(STATEMENT, make_certificate(github_claims())))

    assert said.status == 200, said
    assert holder.get(URL).json()["attestation_bundles"][0]["publisher"] == {
        "kind": "GitHub",
        "repository": "hare/hare-pro",
        "workflow": "release.yml",
        "environment": "pypi",
    }


def test_a_file_without_attestations_says_nothing_of_them(job: Uploader, holder: IndexClient):
    assert job.wheel("hare-pro", "1.0", WHEEL).status == 200

    assert "provenance" not in holder.page("/simple/hare-pro/")["files"][0]
    assert "provenance" not in holder.get("/simple/hare-pro/", accept="text/html").text
    assert holder.get(URL).status == 404


def test_whoever_may_not_have_the_file_gets_no_provenance_either(
    job: Uploader, project: Project, enterprise: Tier
):
    assert send(job, attest(STATEMENT, CERTIFICATE)).status == 200
    stranger = IndexClient()
    other = IndexClient(make_credential(make_license(tier=enterprise).customer)[1])

    assert (stranger.get(URL).status, other.get(URL).status) == (401, 402)
    define_project("hare-pro", at=timezone.now(), is_public=True)
    assert stranger.get(URL).status == 200
    set_project_status(project.pk, "quarantined")
    assert stranger.get(URL).status == 403


def test_provenance_is_cheap_to_ask_again(job: Uploader, holder: IndexClient):
    send(job, attest(STATEMENT, CERTIFICATE))

    first = holder.get(URL)
    again = holder.get(URL, if_none_match=first.headers["ETag"])

    assert first.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert (again.status, again.body) == (304, b"")
    assert holder.get(URL, method="HEAD").headers["Content-Length"] == str(len(first.body))


@pytest.mark.parametrize(
    "path",
    [f"/integrity/hare-pro/1.1/{NAME}/provenance", f"/integrity/hare/1.0/{NAME}/provenance",
     "/integrity/hare-pro/1.0/x.whl/provenance", f"/integrity/hare-pro/1.0/{NAME}/", "/integrity/"],
)  # fmt: skip
def test_another_path_is_nobodys(job: Uploader, holder: IndexClient, path: str):
    send(job, attest(STATEMENT, CERTIFICATE))

    assert holder.get(path).status == 404


def test_a_token_made_by_hand_may_not_attest(project: Project):
    _, secret = make_upload_token()

    said = send(Uploader(secret), attest(STATEMENT, CERTIFICATE))

    assert_refused(said, "only a job of a trusted publisher may send them")


def test_the_same_upload_again_is_fine_and_keeps_the_first(job: Uploader, holder: IndexClient):
    send(job, attest(STATEMENT, CERTIFICATE))
    first = holder.get(URL).body

    assert send(job, attest(STATEMENT, CERTIFICATE)).status == 200

    assert holder.get(URL).body == first


def test_attestations_of_an_upload_that_was_killed_are_swept_and_others_stay(
    job: Uploader, holder: IndexClient, settings
):
    send(job, attest(STATEMENT, CERTIFICATE))
    kept = Path(default_storage.path(File.objects.get().paths[-1]))
    left = kept.with_name(f"{NAME}.0123456789abcdef.provenance")
    left.write_bytes(b"{}")

    assert sweep_leftovers(timezone.now() + LATER) == 1

    assert not left.exists()
    assert holder.get(URL).status == 200


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "they are not JSON"),
        ("[" * 100_000, "they are not JSON"),
        ("[NaN]", "NaN is not JSON"),
        ('[{"version": 1, "more": 1e999}]', "'1e999' is too large a number"),
        ("{}", "they are not a JSON array of at most 2"),
        ("[]", "they are not a JSON array of at most 2"),
        ("[1, 2, 3]", "they are not a JSON array of at most 2"),
        ("[" + " " * 600_000 + "]", "they are not a JSON array of at most 2"),
        ("[1]", "version is missing or not as PEP 740 says"),
        ("[{}]", "version is missing or not as PEP 740 says"),
        ('[{"version": true}]', "version is missing or not as PEP 740 says"),
        ('[{"version": 2}]', "version 2 is not 1"),
    ],
)  # fmt: skip
def test_what_is_no_attestation_is_refused(job: Uploader, text: str, sentence: str):
    assert_refused(job.wheel("hare-pro", "1.0", WHEEL, attestations=text), sentence)


BROKEN: dict[str, tuple[Change, str]] = {
    "no material": (lambda a: a.pop("verification_material"), "verification_material is missing"),
    "no log": (
        lambda a: a["verification_material"].update(transparency_entries=[]),
        "transparency_entries is empty",
    ),
    "no envelope": (lambda a: a.update(envelope=[]), "envelope is missing"),
    "no base64": (lambda a: a["envelope"].update(signature="!"), "signature is not base64"),
    "not ASCII": (lambda a: a["envelope"].update(statement="\u00e4"), "statement is not base64"),
    "no certificate": (
        lambda a: a["verification_material"].update(certificate="aGk="),
        "the certificate cannot be read",
    ),
    "unknown certificate": (
        lambda a: a["verification_material"].update(
            certificate=base64.b64encode(VERSION_4).decode()
        ),
        "the certificate cannot be read",
    ),
    "other signature": (
        lambda a: a["envelope"].update(signature="aGk="),
        "the signature is not the certificate's",
    ),
    "other words": (
        lambda a: a["envelope"].update(
            statement=base64.b64encode(json.dumps(STATEMENT | {"predicate": {}}).encode()).decode()
        ),
        "the signature is not the certificate's",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_attestation_that_is_broken_is_refused(job: Uploader, name: str):
    change, sentence = BROKEN[name]
    attestation = attest(STATEMENT, CERTIFICATE)
    change(attestation)

    assert_refused(send(job, attestation), sentence)


OTHER_SHA256 = hashlib.sha256(b"other").hexdigest()
STATEMENTS: dict[str, tuple[Any, str]] = {
    "not JSON": (b"\xff", "they are not JSON"),
    "a list": (b"[]", "_type is missing"),
    "older": (STATEMENT | {"_type": "https://in-toto.io/Statement/v0.1"}, "is not of the type"),
    "no subject": (STATEMENT | {"subject": []}, "not about one file"),
    "two": (STATEMENT | {"subject": STATEMENT["subject"] * 2}, "not about one file"),
    "name": (make_statement("hare-1.0.whl", SHA256), "is about 'hare-1.0.whl', not"),
    "digest": (make_statement(NAME, OTHER_SHA256), "has another sha256 than the file"),
    "no digest": (STATEMENT | {"subject": [{"name": NAME}]}, "digest is missing"),
    "kind": (make_statement(NAME, SHA256, "https://x.example/v1"), "the predicate type"),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_about_something_else_is_refused(job: Uploader, name: str):
    statement, sentence = STATEMENTS[name]

    assert_refused(send(job, attest(statement, CERTIFICATE)), sentence)


def test_what_is_served_is_json_to_the_strict(job: Uploader, holder: IndexClient):
    """A number that is none in binary would stand there as Infinity, for ever."""
    text = json.dumps([attest(STATEMENT, CERTIFICATE) | {"more": [-1.5]}])

    said = job.wheel("hare-pro", "1.0", WHEEL, attestations=text.replace("-1.5", "-1e999"))
    assert_refused(said, "'-1e999' is too large a number")
    assert job.wheel("hare-pro", "1.0", WHEEL, attestations=text).status == 200

    (bundle,) = holder.get(URL).json()["attestation_bundles"]
    assert bundle["attestations"][0]["more"] == [-1.5]


def test_two_of_the_same_kind_are_refused(job: Uploader):
    one = attest(STATEMENT, CERTIFICATE)

    assert_refused(send(job, one, one), "two of them are of the same kind")


EVIL = f"{ISSUER}/evil/hare-pro"
SIGNERS: dict[str, tuple[dict[str, str], str]] = {
    "issuer": ({"oid8": "https://gitlab.com"}, "the certificate's issuer is"),
    "repository": ({"oid12": EVIL}, "the certificate's repository is"),
    "taken over": ({"oid15": "43"}, "the certificate's repository's id is"),
    "workflow": ({"oid18": f"{ISSUER}/hare/hare-pro//other.yml@refs/heads/main"}, "the workflow"),
    "other ref": ({"oid18": f"{ISSUER}/hare/hare-pro//.gitlab-ci.yml@refs/tags/x"}, "the workflow"),
    "elsewhere": ({"oid18": f"{EVIL}//.gitlab-ci.yml@refs/heads/main"}, "the workflow"),
}


@pytest.mark.parametrize("name", SIGNERS)
def test_a_certificate_of_somebody_else_is_refused(job: Uploader, name: str):
    claims, sentence = SIGNERS[name]
    certificate = make_certificate(gitlab_claims(ISSUER, **claims))

    assert_refused(send(job, attest(STATEMENT, certificate)), sentence)


@pytest.mark.parametrize("number", [8, 12, 13, 14, 15, 18])
def test_a_certificate_that_leaves_out_a_claim_is_refused(job: Uploader, number: int):
    claims = gitlab_claims(ISSUER)
    uri = claims[18]
    del claims[number]

    said = send(job, attest(STATEMENT, make_certificate(claims, uri=uri)))

    assert_refused(said, f"the certificate has no claim 1.3.6.1.4.1.57264.1.{number}")


def test_a_certificate_whose_subject_is_another_workflow_is_refused(job: Uploader):
    uri = f"{EVIL}//.gitlab-ci.yml@refs/heads/main"
    certificate = make_certificate(gitlab_claims(ISSUER), uri=uri)

    assert_refused(send(job, attest(STATEMENT, certificate)), "is of the workflow")


def test_a_key_of_another_kind_is_refused(job: Uploader):
    key = ed25519.Ed25519PrivateKey.generate()
    certificate = make_certificate(gitlab_claims(ISSUER), key=key)

    assert_refused(send(job, attest(STATEMENT, certificate)), "not one of an elliptic curve")


def spoil(value: Any, dice: random.Random) -> Any:
    """The same JSON with one part of it, somewhere, replaced."""
    if isinstance(value, dict | list) and value and dice.random() < 0.9:
        copy: Any = value.copy()
        key = dice.choice(list(copy) if isinstance(copy, dict) else range(len(copy)))
        copy[key] = spoil(copy[key], dice)
        return copy
    if isinstance(value, str) and value and dice.random() < 0.8:
        at = dice.randrange(len(value))
        return value[:at] + dice.choice(["", "A", "/", "\u00e4", "\x00"]) + value[at + 1 :]
    return dice.choice([None, True, -1, 1e308, "", [], {}, [[]], "A" * 5000, "\ud800"])


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_spoiled_attestations_are_refused_with_a_sentence(job: Uploader):
    """`FUZZ=1000000` goes on for as long as one likes."""
    number = int(os.environ.get("FUZZ", "2000"))
    publisher = TrustedPublisher.objects.get()
    sound = attest(STATEMENT, CERTIFICATE)
    refused = 0

    for seed in range(number):
        text = json.dumps([spoil(sound, random.Random(seed))])
        try:
            read_attestations(text, publisher=publisher, filename=NAME, sha256=SHA256)
        except UploadRefused as refusal:
            refused += refusal.sentence.startswith("Invalid attestations supplied during upload: ")
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error

    assert refused > number * 3 / 4  # the log's entries are not looked into
