"""`uv publish --trusted-publishing always`, as in a job: no secret is stored anywhere."""

import hashlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.clients.certificates import write_certificates
from tests.clients.conftest import BIN, CLEAN, ROOT, Run, Server, free_port, run
from tests.clients.nginx import ask
from tests.pkgindex.attesting import attest, gitlab_claims, make_certificate, make_statement
from tests.pkgindex.index_client import JSON
from tests.pkgindex.issuer import Issuer, running_issuer, sign
from tests.pkgindex.wheels import build_sdist, build_wheel, wheel_name

pytestmark = [pytest.mark.clients, pytest.mark.enable_socket]

NAME = "told-by-jobs"


@dataclass(frozen=True)
class Door:
    """The shop behind TLS: uv shows an identity to nobody else."""

    url: str
    authority: Path

    def publish(self, *files: Path, **job: str) -> Run:
        uv = (BIN / "uv", "publish", "--no-config", "--trusted-publishing", "always")
        env = {"HOME": "/nonexistent", "UV_NO_CACHE": "1", "SSL_CERT_FILE": str(self.authority)}
        return run(*uv, "--publish-url", f"{self.url}/legacy/", *files, env=env | job)


@pytest.fixture(scope="module")
def issuer(server: Server) -> Iterator[Issuer]:
    with running_issuer() as running:
        server.seed("trusted", running.url)
        yield running


@pytest.fixture(scope="module")
def door(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("tls")
    authority, certificate, key = write_certificates(folder)
    port = free_port()
    tls = ("--certfile", certificate, "--keyfile", key, "--no-control-socket")
    command = [BIN / "gunicorn", "-c", ROOT / "config/gunicorn.py", *tls, "config.wsgi"]
    env = CLEAN | server.env | {"PORT": str(port)}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=log, stderr=log)
    try:
        _wait(port)
        yield Door(f"https://127.0.0.1:{port}", authority)
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A wheel and an sdist that no other test publishes."""
    version = f"1.{os.getpid()}.{time.monotonic_ns()}"
    wheel = tmp_path / wheel_name(NAME, version)
    wheel.write_bytes(build_wheel(NAME, version))
    sdist = tmp_path / f"told_by_jobs-{version}.tar.gz"
    sdist.write_bytes(build_sdist(NAME, version))
    return [wheel, sdist]


def test_a_job_at_gitlab_publishes_and_gives_its_token_back(
    server: Server, issuer: Issuer, door: Door, files: list[Path]
):
    proof = sign(issuer.gitlab())

    done = door.publish(*files, GITLAB_CI="true", CI="true", **{"127_0_0_1_ID_TOKEN": proof})

    assert done.code == 0, done.said
    assert set(server.seed("published", NAME).values()) == {"bdist_wheel sdist"}
    assert set(server.seed("minted").values()) == {"revoked"}


def test_a_job_at_github_publishes(server: Server, issuer: Issuer, door: Door, files: list[Path]):
    done = door.publish(
        *files,
        GITHUB_ACTIONS="true",
        CI="true",
        ACTIONS_ID_TOKEN_REQUEST_URL=f"{issuer.url}/identity?",
        ACTIONS_ID_TOKEN_REQUEST_TOKEN="t",
    )

    assert done.code == 0, done.said
    assert files[0].name.split("-")[1] in server.seed("published", NAME)


def test_what_a_job_attests_is_published_with_the_files(
    server: Server, issuer: Issuer, door: Door, files: list[Path]
):
    """`uv publish dist/*` takes along what other tools signed and laid beside the files."""
    certificate = make_certificate(gitlab_claims(issuer.url))
    for file in files:
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        attestation = attest(make_statement(file.name, sha256), certificate)
        beside = file.with_name(f"{file.name}.publish.attestation")
        beside.write_text(json.dumps(attestation))
    job = {"127_0_0_1_ID_TOKEN": sign(issuer.gitlab())}

    done = door.publish(*files[0].parent.iterdir(), GITLAB_CI="true", CI="true", **job)

    assert done.code == 0, done.said
    names = {file.name for file in files}
    page = json.loads(ask(server.url, f"/simple/{NAME}/", Accept=JSON).body)
    urls = [entry["provenance"] for entry in page["files"] if entry["filename"] in names]
    assert len(urls) == 2
    for url in urls:
        provenance = json.loads(ask(server.url, urlsplit(url).path).body)
        (bundle,) = provenance["attestation_bundles"]
        assert bundle["publisher"]["repository"] == "hare/hare-pro"
        assert len(bundle["attestations"]) == 1


def test_a_job_that_attests_something_else_is_told_why_not(
    issuer: Issuer, door: Door, files: list[Path]
):
    statement = make_statement(files[0].name, hashlib.sha256(b"other").hexdigest())
    attestation = attest(statement, make_certificate(gitlab_claims(issuer.url)))
    beside = files[0].with_name(f"{files[0].name}.publish.attestation")
    beside.write_text(json.dumps(attestation))
    job = {"127_0_0_1_ID_TOKEN": sign(issuer.gitlab())}

    done = door.publish(files[0], beside, GITLAB_CI="true", CI="true", **job)

    assert done.code != 0
    assert "the statement has another sha256 than the file" in done.said


def test_a_job_of_another_project_is_told_why_not(issuer: Issuer, door: Door, files: list[Path]):
    proof = sign(issuer.gitlab(project_path="evil/hare-pro"))

    done = door.publish(*files, GITLAB_CI="true", CI="true", **{"127_0_0_1_ID_TOKEN": proof})

    assert done.code != 0
    assert "No trusted publisher is configured for" in done.said, done.said


def _wait(port: int) -> None:
    for _ in range(150):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("the server does not listen")
