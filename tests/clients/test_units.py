"""What the units of `deploy/` promise: nobody is refused while the shop restarts behind a socket of
systemd's, and a replica pulls what the first host serves.
"""

import os
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.clients.conftest import BIN, CLEAN, ROOT, Server, free_port, run, running
from tests.clients.nginx import ask
from tests.clients.site import index_command
from tests.pkgindex.index_client import basic

pytestmark = [pytest.mark.clients, pytest.mark.enable_socket]
needs_rsync = pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")

# As systemd passes it on: the first file descriptor behind standard error, for this process.
ACTIVATE = 'exec 3<&"$PASSED"; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"'


def start(server: Server, listener: socket.socket, log: Path) -> "subprocess.Popen[bytes]":
    gunicorn = [BIN / "gunicorn", "-c", ROOT / "config/gunicorn.py", "config.wsgi"]
    with log.open("ab") as output:
        return subprocess.Popen(
            ["bash", "-c", ACTIVATE, "bash", *gunicorn],
            env=CLEAN | server.env | {"PASSED": str(listener.fileno())},
            pass_fds=[listener.fileno()],
            cwd=ROOT,
            stdout=output,
            stderr=output,
        )


def test_nobody_is_refused_while_the_shop_restarts(
    server: Server, keys: dict[str, str], tmp_path: Path
):
    said, over = [], threading.Event()

    def ask_on(url: str) -> None:
        while not over.is_set():
            try:
                said.append(ask(url, "/simple/hare/").status)
            except OSError as error:
                said.append(repr(error))

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = start(server, listener, tmp_path / "log")
        threads = [threading.Thread(target=ask_on, args=[url]) for _ in range(4)]
        try:
            assert ask(url, "/simple/hare/").status == 200
            for thread in threads:
                thread.start()
            for _ in range(3):
                process.terminate()
                process.wait(40)
                process = start(server, listener, tmp_path / "log")
                assert ask(url, "/simple/hare/").status == 200
        finally:
            over.set()
            for thread in threads:
                thread.join()
            process.terminate()
            process.wait(40)

    assert len(said) > 50
    assert set(said) == {200}, (tmp_path / "log").read_text()[-3000:]


def commands_of_the_replica(directive: str, data: Path, first: str = "") -> list[list[str]]:
    """Those of `deploy/wheelbarrow-replica.service`, on folders of this machine."""
    unit = (ROOT / "deploy/wheelbarrow-replica.service").read_text()
    start = f"{directive}="
    lines = [line.removeprefix(start) for line in unit.splitlines() if line.startswith(start)]
    assert lines
    folder = "/srv/wheelbarrow/var"
    here = [line.replace(f"main:{folder}", first).replace(folder, str(data)) for line in lines]
    return [shlex.split(line.removeprefix("+")) for line in here]


def pull(server: Server, data: Path) -> None:
    for command in commands_of_the_replica("ExecStart", data, server.env["DATA_DIR"]):
        done = run(*command)
        assert done.code == 0, done.said


@needs_rsync
def test_a_replica_pulls_what_was_published_and_what_was_revoked(
    server: Server, keys: dict[str, str], tmp_path: Path
):
    secret = server.seed("key")["pro"]
    key = {"Authorization": basic(secret)}
    (tmp_path / "index").mkdir()
    pull(server, tmp_path)
    port = free_port()
    command = index_command(sys.executable, tmp_path, f"127.0.0.1:{port}")

    with running(command, port, CLEAN | {"PYTHONPATH": str(ROOT)}, tmp_path / "log"):
        url = f"http://127.0.0.1:{port}"
        page = ask(url, "/simple/hare-pro/", Accept="text/html", **key)
        path = "/" + page.body.decode().split('href="../../')[-1].split("#")[0]
        file = ask(url, path, **key)
        server.seed("revoke", secret)
        pull(server, tmp_path)
        after = ask(url, path, **key)

    assert (page.status, file.status, after.status) == (200, 200, 401)
    assert file.body == ask(server.url, path, Authorization=basic(keys["pro"])).body
    assert (tmp_path / "index/pulled").exists()


def ask_systemd(directive: str, data: Path, *, is_active: bool = True) -> list[str]:
    """What the unit says to systemctl, whose answer to `is-active` is given."""
    systemctl = data / "systemctl"
    is_yes = "true" if is_active else "false"
    systemctl.write_text(
        f"#!/bin/sh\n[ $1 = is-active ] && exec {is_yes}\necho $* >> {data}/said\n"
    )
    systemctl.chmod(0o755)
    (command,) = commands_of_the_replica(directive, data)
    path = f"{data}:{os.environ['PATH']}"
    done = subprocess.run(command, env={"PATH": path}, capture_output=True, check=False)
    assert done.returncode == 0
    said = data / "said"
    lines = said.read_text().splitlines() if said.exists() else []
    said.unlink(missing_ok=True)
    return lines


@pytest.mark.parametrize(("days", "stopped"), [(None, False), (6.9, False), (7.1, True)])
def test_a_replica_that_pulled_nothing_for_a_week_closes_its_door(
    tmp_path: Path, days: float | None, stopped: bool
):
    (tmp_path / "index").mkdir()
    if days is not None:
        pulled = tmp_path / "index/pulled"
        pulled.touch()
        os.utime(pulled, (time.time() - days * 86_400,) * 2)

    assert ask_systemd("ExecStartPre", tmp_path) == (["stop nginx"] if stopped else [])
    assert ask_systemd("ExecStartPost", tmp_path) == (["start nginx"] if stopped else [])
    assert ask_systemd("ExecStartPost", tmp_path) == []  # it is open


def test_a_replica_opens_no_door_that_somebody_else_closed(tmp_path: Path):
    (tmp_path / "index").mkdir()
    pulled = tmp_path / "index/pulled"
    pulled.touch()
    os.utime(pulled, (0, 0))

    assert ask_systemd("ExecStartPre", tmp_path, is_active=False) == []
    assert ask_systemd("ExecStartPost", tmp_path, is_active=False) == []


@needs_rsync
def test_a_replica_takes_what_was_cut_off_when_it_pulled_anew(server: Server, tmp_path: Path):
    """An upload that was killed left half a file; the next try put a whole one in its place."""
    (tmp_path / "index").mkdir()
    source = Path(server.env["DATA_DIR"], "files/files/00/half.whl")
    source.parent.mkdir(parents=True)
    pulled = tmp_path / "files/files/00/half.whl"
    try:
        source.write_bytes(b"half")
        pull(server, tmp_path)
        source.unlink()
        source.write_bytes(b"half and half")
        pull(server, tmp_path)

        assert pulled.read_bytes() == b"half and half"
    finally:
        shutil.rmtree(source.parent)


@needs_rsync
def test_a_replica_gets_nothing_that_customers_sent_to_support(server: Server, tmp_path: Path):
    (tmp_path / "index").mkdir()
    secret = Path(server.env["DATA_DIR"], "files/support/traceback.txt")
    secret.parent.mkdir(parents=True)
    try:
        secret.write_text("password = 'x'")

        pull(server, tmp_path)
    finally:
        shutil.rmtree(secret.parent)

    assert not list(tmp_path.rglob("traceback.txt"))
