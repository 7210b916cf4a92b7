"""Jobs that attest what they upload."""

import hashlib
import json
from typing import Any

from django.utils import timezone

from pkgindex.models import File, Project, TrustedPublisher
from pkgindex.upload_tokens import create_upload_token
from tests.pkgindex.attesting import (
    gitlab_claims,
    make_certificate,
    make_statement,
)
from tests.pkgindex.uploader import Said, Uploader
from tests.pkgindex.wheels import build_wheel, wheel_name

ISSUER = "https://gitlab.example"
WHEEL = build_wheel("hare-pro", "1.0")
NAME = wheel_name("hare-pro", "1.0")
SHA256 = hashlib.sha256(WHEEL).hexdigest()
STATEMENT = make_statement(NAME, SHA256)
CERTIFICATE = make_certificate(gitlab_claims(ISSUER))


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
