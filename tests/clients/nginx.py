"""A real nginx, and the questions that every way to run the index must answer alike."""

import contextlib
import http.client
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.clients.conftest import CLEAN, Server, running
from tests.pkgindex.index_client import JSON
from tests.pkgindex.wheels import wheel_name

STATES = ["", "pro", "enterprise", "lapsed", "suspended", "revoked", "other_tier", "revoked_key"]
VARIANTS = [
    ("GET", {"Accept": JSON}),
    ("GET", {"Accept": "text/html", "Accept_Encoding": "gzip"}),
    ("HEAD", {}),
    ("GET", {"Range": "bytes=10-19"}),
    ("GET", {"Range": "bytes=-7"}),
    ("GET", {"Range": "bytes=900000-"}),
]
NEVER_THE_SAME = {"date", "server", "connection", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True)
class Reply:
    status: int
    reason: str
    headers: dict[str, str]
    body: bytes


@contextlib.contextmanager
def running_nginx(folder: Path, text: str, port: int) -> Iterator[str]:
    """Its URL. A machine without nginx skips whatever needs it."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed")
    (folder / "nginx.conf").write_text(text)
    command = [program, "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"]
    with running(command, port, CLEAN, folder / "log"):
        yield f"http://127.0.0.1:{port}"


def configuration(folder: Path, http: str, *, modules: str = "") -> str:
    """All of nginx.conf around what stands in the block `http`."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    user = "user root;\n" if os.getuid() == 0 else ""
    head = f"{modules}{user}daemon off;\npid {folder}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n"
    return f"{head}{places}{http}\n}}\n"


def without_tls(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if "ssl_certificate" not in line)


def ask(url: str, path: str, method: str = "GET", source: str = "", **headers: str) -> Reply:
    """*source* is the address of ours to ask from; every one in 127.0.0.0/8 will do."""
    where, sent_from = urlsplit(url).netloc, (source, 0) if source else None
    with contextlib.closing(
        http.client.HTTPConnection(where, timeout=20, source_address=sent_from)
    ) as connection:
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
    wheel = wheel_name("hare-pro", "2.0")
    paths += [f"/integrity/hare-pro/{version}/{wheel}/provenance" for version in ("2.0", "1.0")]
    for project in ("hare", "hare-pro"):
        page = ask(server.url, f"/simple/{project}/", Accept="text/html", **key).body.decode()
        for piece in page.split('href="../../')[1:]:
            path = "/" + piece.split("#")[0]
            paths += [path, f"{path}.metadata"]
    return paths
