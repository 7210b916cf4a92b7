"""However the index is run, it gives the same answers: mounted in front of Django (as all other
tests ask it), in a process of its own, and behind the nginx of `deploy/`, which sends the files.
"""

import contextlib
import http.client
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.clients.conftest import CLEAN, ROOT, Environment, Server, free_port, running
from tests.pkgindex.index_client import JSON, basic

pytestmark = [pytest.mark.clients, pytest.mark.enable_socket]

STATES = ["", "pro", "enterprise", "lapsed", "suspended", "revoked", "other_tier", "revoked_key"]
NEVER_THE_SAME = {"date", "server", "connection", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True)
class Reply:
    status: int
    reason: str
    headers: dict[str, str]
    body: bytes


@pytest.fixture(scope="module")
def alone(server: Server, keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The index in a process of its own, which leaves the sending to nginx."""
    port = free_port()
    data = Path(server.env["DATA_DIR"])
    command = [
        sys.executable, "-m", "pkgindex.index", "--server", "gunicorn",
        "--snapshot", data / "index/snapshot.sqlite3", "--files", data / "files",
        "--state", data / "index", "--listen", f"127.0.0.1:{port}", "--trusted-proxies", "1",
    ]  # fmt: skip
    env = CLEAN | {"INDEX_HAND_ON_TO": "/stored/", "PYTHONPATH": str(ROOT)}
    log = tmp_path_factory.mktemp("alone") / "log"
    with running(command, port, env, log):
        yield f"127.0.0.1:{port}"


@pytest.fixture(scope="module")
def nginx(server: Server, alone: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`deploy/nginx.conf` without TLS, on free ports."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed")
    folder = tmp_path_factory.mktemp("nginx")
    port = free_port()
    (folder / "nginx.conf").write_text(_configuration(folder, server, alone, port))
    command = [program, "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"]
    with running(command, port, CLEAN, folder / "log"):
        yield f"http://127.0.0.1:{port}"


def _configuration(folder: Path, server: Server, alone: str, port: int) -> str:
    text = (ROOT / "deploy/nginx.conf").read_text()
    for old, new in {
        "listen 443 ssl http2;": f"listen 127.0.0.1:{port};",
        "127.0.0.1:8000": urlsplit(server.url).netloc,
        "127.0.0.1:8001": alone,
        "/srv/wheelbarrow/var/files/": f"{server.env['DATA_DIR']}/files/",
    }.items():
        assert old in text
        text = text.replace(old, new)
    text = "\n".join(line for line in text.splitlines() if "ssl_certificate" not in line)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    user = "user root;\n" if os.getuid() == 0 else ""
    head = f"{user}daemon off;\npid {folder}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n"
    return f"{head}{places}{text}\n}}\n"


def ask(url: str, path: str, method: str = "GET", **headers: str) -> Reply:
    parts = urlsplit(url)
    with contextlib.closing(http.client.HTTPConnection(parts.netloc, timeout=20)) as connection:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=sent)
        answer = connection.getresponse()
        said = {
            name.lower(): value
            for name, value in answer.getheaders()
            if name.lower() not in NEVER_THE_SAME
        }
        return Reply(answer.status, answer.reason, said, answer.read())


def paths_of(server: Server, key: dict[str, str]) -> list[str]:
    """Every page, and every file with its metadata as this reader finds it linked."""
    paths = ["/simple/", "/simple/hare/", "/simple/hare-pro/", "/simple/hare-ent/"]
    paths += ["/simple/Hare_Pro", "/simple/hare-cloud/", "/simple/foreign/", "/pypi/hare-pro/json"]
    paths += ["/simple/hare-pro/?format=text/plain", "/files/0000000000000000/x.whl"]
    for project in ("hare", "hare-pro"):
        page = ask(server.url, f"/simple/{project}/", Accept="text/html", **key).body.decode()
        for piece in page.split('href="../../')[1:]:
            path = "/" + piece.split("#")[0]
            paths += [path, f"{path}.metadata"]
    return paths


@pytest.mark.parametrize("state", STATES)
def test_nginx_and_a_process_of_its_own_answer_as_the_shop_does(
    server: Server, nginx: str, keys: dict[str, str], state: str
):
    key = {"Authorization": basic(keys[state])} if state else {}
    variants = [
        ("GET", {"Accept": JSON}),
        ("GET", {"Accept": "text/html", "Accept_Encoding": "gzip"}),
        ("HEAD", {}),
        ("GET", {"Range": "bytes=10-19"}),
        ("GET", {"Range": "bytes=-7"}),
        ("GET", {"Range": "bytes=900000-"}),
    ]
    server.forgive()
    compared = 0
    for path in paths_of(server, key):
        for method, headers in variants:
            if state == "revoked_key":
                server.forgive()  # or the 429 comes between
            ours = ask(server.url, path, method, **headers, **key)
            theirs = ask(nginx, path, method, **headers, **key)

            assert theirs == ours, (path, method, headers)
            compared += 1
    assert compared >= 60


def test_what_is_known_is_not_sent_again_and_a_range_of_it_is(
    server: Server, nginx: str, keys: dict[str, str]
):
    key = {"Authorization": basic(keys["pro"])}
    path = paths_of(server, key)[-2]
    tag = ask(nginx, path, **key).headers["etag"]

    for url in (server.url, nginx):
        assert ask(url, path, If_None_Match=tag, **key).status == 304
        assert ask(url, path, Range="bytes=0-3", If_Range=tag, **key).status == 206
        assert ask(url, path, Range="bytes=0-3", If_Range='"other"', **key).status == 200


def test_nobody_gets_past_the_index_to_the_files(server: Server, nginx: str, keys):
    stored = next(Path(server.env["DATA_DIR"], "files/files").glob("*/*/*/*.whl"))
    path = stored.relative_to(Path(server.env["DATA_DIR"], "files"))

    for key in ({}, {"Authorization": basic(keys["enterprise"])}):
        assert ask(nginx, f"/stored/{path}", **key).status == 404


def test_installers_work_behind_nginx(server: Server, nginx: str, keys, installer: Environment):
    behind = Server(nginx, server.env, server.pid)

    done = installer.install(behind, keys["pro"], "hare-pro")

    assert done.code == 0, done.said
    assert installer.version_of("hare_pro") == "2.0"
