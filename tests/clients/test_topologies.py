"""However the index is run, it gives the same answers: mounted in front of Django (as all other
tests ask it), in a process of its own, and behind the nginx of `deploy/`, which sends the files.
"""

import contextlib
import http.client
import importlib.util
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.clients.conftest import CLEAN, ROOT, Environment, Server, free_port, running
from tests.clients.nginx import (
    STATES,
    VARIANTS,
    ask,
    configuration,
    paths_of,
    running_nginx,
    without_tls,
)
from tests.pkgindex.index_client import basic

pytestmark = [pytest.mark.clients, pytest.mark.enable_socket]


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
    folder = tmp_path_factory.mktemp("nginx")
    port = free_port()
    with running_nginx(folder, _configuration(folder, server, alone, port), port) as url:
        yield url


@pytest.fixture(scope="module")
def nginx_before_the_shop(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The same without an index of its own."""
    folder = tmp_path_factory.mktemp("nginx-before")
    port, shop = free_port(), urlsplit(server.url).netloc
    with running_nginx(folder, _configuration(folder, server, shop, port), port) as url:
        yield url


def _configuration(folder: Path, server: Server, alone: str, port: int) -> str:
    text = (ROOT / "deploy/nginx.conf").read_text()
    for old, new in {
        "listen 443 ssl http2;": f"listen 127.0.0.1:{port};",
        "127.0.0.1:8000": urlsplit(server.url).netloc,
        "127.0.0.1:8001": alone,
        "    server 127.0.0.1:8002 max_fails=0;\n": "",
        "/srv/wheelbarrow/var/files/": f"{server.env['DATA_DIR']}/files/",
    }.items():
        assert old in text
        text = text.replace(old, new)
    return configuration(folder, without_tls(text))


@pytest.mark.parametrize("state", STATES)
def test_nginx_and_a_process_of_its_own_answer_as_the_shop_does(
    server: Server, nginx: str, keys: dict[str, str], state: str
):
    key = {"Authorization": basic(keys[state])} if state else {}
    server.forgive()
    compared = 0
    for path in paths_of(server, key):
        for method, headers in VARIANTS:
            if state == "revoked_key":
                server.forgive()  # or the 429 comes between
            ours = ask(server.url, path, method, **headers, **key)
            theirs = ask(nginx, path, method, **headers, **key)

            assert theirs == ours, (path, method, headers)
            compared += 1
    assert compared >= 60


@pytest.fixture(scope="module", params=["gunicorn", "granian"])
def replica(
    request: pytest.FixtureRequest, server: Server, keys, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The index alone, with copies of the files and the snapshot."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    folder, port = tmp_path_factory.mktemp("replica"), free_port()
    shutil.copytree(Path(server.env["DATA_DIR"], "files"), folder / "files")
    state, pulled = folder / "index", Path(server.env["DATA_DIR"], "index/snapshot.sqlite3")
    state.mkdir()
    shutil.copy(pulled, state)
    command = [
        sys.executable, "-m", "pkgindex.index", "--server", request.param,
        "--snapshot", state / pulled.name, "--files", folder / "files", "--state", state,
        "--listen", f"127.0.0.1:{port}",
    ]  # fmt: skip
    env = {"PYTHONPATH": str(ROOT), "DATA_DIR": str(folder)}
    with running(command, port, CLEAN | env, folder / "log") as process:
        yield Server(f"http://127.0.0.1:{port}", env, process.pid)


@pytest.mark.parametrize("state", STATES)
def test_a_replica_answers_as_the_shop_does(
    server: Server, replica: Server, keys: dict[str, str], state: str
):
    """Status, headers and body; the reason phrase is the shop's, or granian's own."""
    key = {"Authorization": basic(keys[state])} if state else {}
    compared = 0
    for path in paths_of(server, key):
        for method, headers in VARIANTS:
            server.forgive()
            replica.forgive()
            ours = ask(server.url, path, method, **headers, **key)
            theirs = ask(replica.url, path, method, **headers, **key)

            standard = http.client.responses[theirs.status]
            assert theirs.reason in {ours.reason, standard}, (path, method, headers)
            assert replace(theirs, reason=ours.reason) == ours, (path, method, headers)
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


def test_a_file_that_is_lost_is_not_said_to_be_nowhere(server: Server, nginx: str, keys):
    """Installers ask another index after a 404, and again after a 503."""
    key = {"Authorization": basic(keys["pro"])}
    path = paths_of(server, key)[-2]
    stored = next(Path(server.env["DATA_DIR"], "files/files").rglob(path.rpartition("/")[2]))
    stored.rename(stored.with_suffix(".away"))
    try:
        ours, theirs = (ask(url, path, **key) for url in (server.url, nginx))
    finally:
        stored.with_suffix(".away").rename(stored)

    assert ours.status == 503
    assert replace(theirs, reason=ours.reason) == ours


def test_a_file_that_was_cut_short_is_not_handed_on(server: Server, nginx: str, keys):
    """nginx would send what is left of it, as if that were all."""
    key = {"Authorization": basic(keys["pro"])}
    path = paths_of(server, key)[-2]
    stored = next(Path(server.env["DATA_DIR"], "files/files").rglob(path.rpartition("/")[2]))
    whole = stored.read_bytes()
    os.truncate(stored, len(whole) - 1)
    try:
        answer = ask(nginx, path, **key)
    finally:
        stored.write_bytes(whole)

    assert answer.status == 503


@contextlib.contextmanager
def hanging(url: str, path: str, number: int) -> Iterator[list[socket.socket]]:
    """So many readers who asked for a file and read nothing of it."""
    where = urlsplit(url)
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(contextlib.closing(socket.socket())) for _ in range(number)]
        for reader in readers:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
            reader.settimeout(20)
            reader.connect((where.hostname, where.port))
            reader.sendall(f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
        yield readers


@pytest.fixture(scope="module")
def large(server: Server) -> str:
    """The path of a file of 20 MB."""
    return server.seed("large", "large")["url"]


@pytest.mark.parametrize("front", ["nginx", "nginx_before_the_shop"])
def test_pages_are_answered_while_forty_readers_hang(
    large: str, keys: dict[str, str], request: pytest.FixtureRequest, front: str
):
    """Of gunicorn alone eight would hold every thread."""
    url: str = request.getfixturevalue(front)

    with hanging(url, large, 40) as readers:
        for reader in readers:
            assert reader.recv(12) == b"HTTP/1.1 200"  # each is being served
        for _ in range(20):
            reply = ask(url, "/simple/hare-pro/", Authorization=basic(keys["pro"]))
            assert reply.status == 200


def test_installers_work_behind_nginx(server: Server, nginx: str, keys, installer: Environment):
    behind = Server(nginx, server.env, server.pid)

    done = installer.install(behind, keys["pro"], "hare-pro")

    assert done.code == 0, done.said
    assert installer.version_of("hare_pro") == "2.0"
