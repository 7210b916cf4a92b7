"""Attestations (PEP 740): what is taken at upload, and what is served beside the file."""

import json
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from licenses.models import Tier
from pkgindex.models import File, Project
from pkgindex.projects import define_project, set_project_status
from pkgindex.sweeping import sweep_leftovers
from tests.make import make_credential, make_license
from tests.pkgindex.attesting import (
    SLSA,
    attest,
    github_claims,
    make_certificate,
    make_statement,
)
from tests.pkgindex.index_client import IndexClient
from tests.pkgindex.jobs import (
    CERTIFICATE,
    NAME,
    SHA256,
    STATEMENT,
    WHEEL,
    assert_refused,
    make_job,
    send,
)
from tests.pkgindex.make import make_upload_token
from tests.pkgindex.test_killed import LATER
from tests.pkgindex.uploader import Uploader

pytestmark = pytest.mark.django_db
URL = f"/integrity/hare-pro/1.0/{NAME}/provenance"


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


def test_what_is_served_is_json_to_the_strict(job: Uploader, holder: IndexClient):
    """A number that is none in binary would stand there as Infinity, for ever."""
    text = json.dumps([attest(STATEMENT, CERTIFICATE) | {"more": [-1.5]}])

    said = job.wheel("hare-pro", "1.0", WHEEL, attestations=text.replace("-1.5", "-1e999"))
    assert_refused(said, "'-1e999' is too large a number")
    assert job.wheel("hare-pro", "1.0", WHEEL, attestations=text).status == 200

    (bundle,) = holder.get(URL).json()["attestation_bundles"]
    assert bundle["attestations"][0]["more"] == [-1.5]
