"""Attestations that are broken, about something else, or somebody else's."""

import base64
import hashlib
import json
import os
import random
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from pkgindex.models import TrustedPublisher
from pkgindex.uploads.attestations import read_attestations
from pkgindex.uploads.refusals import UploadRefused
from tests.pkgindex.attesting import (
    attest,
    gitlab_claims,
    make_certificate,
    make_statement,
)
from tests.pkgindex.jobs import (
    CERTIFICATE,
    ISSUER,
    NAME,
    SHA256,
    STATEMENT,
    WHEEL,
    assert_refused,
    send,
)
from tests.pkgindex.uploader import Uploader

pytestmark = pytest.mark.django_db
VERSION_4 = CERTIFICATE.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x03", 1)  # no such yet
Change = Callable[[dict[str, Any]], object]


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
