"""What the units of a replica promise (`deploy/wheelbarrow-replica*`): it serves what the first
host serves, refuses whom that refuses, and lists what has come.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.clients.conftest import CLEAN, ROOT, Server, free_port, run, running
from tests.clients.nginx import Reply, ask
from tests.clients.site import index_command
from tests.pkgindex.index_client import JSON, basic

pytestmark = [pytest.mark.clients, pytest.mark.enable_socket]
needs_rsync = pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")


def commands_of(unit: str, directive: str, data: Path, first: str = "") -> list[list[str]]:
    """Those of a unit in `deploy/`, on folders of this machine."""
    text = (ROOT / "deploy" / unit).read_text()
    start = f"{directive}="
    lines = [line.removeprefix(start) for line in text.splitlines() if line.startswith(start)]
    assert lines
    folder = "/srv/wheelbarrow/var"
    here = [line.replace(f"main:{folder}", first).replace(folder, str(data)) for line in lines]
    python = "/srv/wheelbarrow/.venv/bin/python"
    return [shlex.split(line.removeprefix("+").replace(python, sys.executable)) for line in here]


def pull(server: Server, data: Path, unit: str, *, pace: str = "") -> None:
    """What one run of the unit does. *pace* is that of the line, for files: "2m" for 2 MB/s."""
    for command in commands_of(unit, "ExecStart", data, server.env["DATA_DIR"]):
        is_slow = pace and "--include=/files/***" in command
        slowly = [f"--bwlimit={pace}"] if is_slow else []
        done = run(command[0], *slowly, *command[1:], env={"PYTHONPATH": str(ROOT)})
        assert done.code == 0, done.said


UNITS = ("wheelbarrow-replica-files.service", "wheelbarrow-replica.service")


def pull_all(server: Server, data: Path) -> None:
    for unit in UNITS:
        pull(server, data, unit)


@contextmanager
def timers(server: Server, data: Path, pace: str) -> Iterator[None]:
    """Each unit again and again, as its timer starts it; a second after its end instead of ten."""
    over = threading.Event()

    def repeat(unit: str) -> None:
        while not over.is_set():
            pull(server, data, unit, pace=pace)
            over.wait(1)

    threads = [threading.Thread(target=repeat, args=[unit]) for unit in UNITS]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


@pytest.fixture
def replica(server: Server, keys: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """The URL of an index that answers from what is pulled into `tmp_path`."""
    (tmp_path / "index").mkdir()
    pull_all(server, tmp_path)
    port = free_port()
    command = index_command(sys.executable, tmp_path, f"127.0.0.1:{port}")
    with running(command, port, CLEAN | {"PYTHONPATH": str(ROOT)}, tmp_path / "log"):
        yield f"http://127.0.0.1:{port}"


def files_of(url: str, project: str) -> list[str]:
    page = json.loads(ask(url, f"/simple/{project}/", Accept=JSON).body)
    return [file["url"].replace("../../", "/") for file in page["files"]]


def ask_until(url: str, path: str, status: int, **headers: str) -> Reply:
    for _ in range(600):
        reply = ask(url, path, **headers)
        if reply.status == status:
            return reply
        time.sleep(0.1)
    raise AssertionError(f"{path}: {reply.status} {reply.reason}, not {status}")


@needs_rsync
def test_a_replica_pulls_what_was_published_and_what_was_revoked(
    server: Server, keys: dict[str, str], replica: str, tmp_path: Path
):
    secret = server.seed("key")["pro"]
    key = {"Authorization": basic(secret)}
    pull_all(server, tmp_path)

    page = ask(replica, "/simple/hare-pro/", Accept="text/html", **key)
    path = "/" + page.body.decode().split('href="../../')[-1].split("#")[0]
    file = ask(replica, path, **key)
    server.seed("revoke", secret)
    pull_all(server, tmp_path)
    after = ask(replica, path, **key)

    assert (page.status, file.status, after.status) == (200, 200, 401)
    assert file.body == ask(server.url, path, Authorization=basic(keys["pro"])).body
    assert (tmp_path / "index/pulled").exists()


@needs_rsync
def test_a_revocation_waits_for_no_large_file_and_what_is_listed_is_there(
    server: Server, keys: dict[str, str], replica: str, tmp_path: Path
):
    """The line takes 2 MB in a second; the file comes ten seconds after it was published."""
    secret = server.seed("key")["pro"]
    key = {"Authorization": basic(secret)}
    with timers(server, tmp_path, pace="2m"):
        ask_until(replica, "/simple/hare-pro/", 200, **key)
        url = server.seed("large", "slow")["url"]
        ask_until(replica, "/simple/slow/", 200)  # a name of ours is known at once

        server.seed("revoke", secret)
        refused = ask_until(replica, "/simple/hare-pro/", 401, **key)
        page, file = ask(replica, "/simple/slow/", Accept=JSON), ask(replica, url)
        listed = [ask(replica, path).status for path in files_of(replica, "hare")]
        later = ask_until(replica, url, 200)

    assert "revoked" in refused.reason
    assert json.loads(page.body)["files"] == []
    assert file.status == 404  # as if it were not published yet, which 503 would not be
    assert listed == [200]
    assert len(later.body) > 20_000_000
    assert files_of(replica, "slow") == [url]


def ask_systemd(directive: str, data: Path, *, is_active: bool = True) -> list[str]:
    """What the unit says to systemctl, whose answer to `is-active` is given."""
    systemctl = data / "systemctl"
    is_yes = "true" if is_active else "false"
    systemctl.write_text(
        f"#!/bin/sh\n[ $1 = is-active ] && exec {is_yes}\necho $* >> {data}/said\n"
    )
    systemctl.chmod(0o755)
    (command,) = commands_of("wheelbarrow-replica.service", directive, data)
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
        pull_all(server, tmp_path)
        source.unlink()
        source.write_bytes(b"half and half")
        pull_all(server, tmp_path)

        assert pulled.read_bytes() == b"half and half"
    finally:
        shutil.rmtree(source.parent)


@needs_rsync
def test_a_large_file_that_was_cut_off_on_its_way_goes_on_from_there(
    server: Server, tmp_path: Path
):
    source = Path(server.env["DATA_DIR"], "files/files/00/cut.whl")
    source.parent.mkdir(parents=True)
    (command,) = commands_of(UNITS[0], "ExecStart", tmp_path, server.env["DATA_DIR"])
    folder = tmp_path / "files/files/00"
    try:
        source.write_bytes(os.urandom(20_000_000))
        rsync = subprocess.Popen([command[0], "--bwlimit=2m", *command[1:]])
        while not any(path.stat().st_size > 2_000_000 for path in folder.glob(".cut.whl.*")):
            time.sleep(0.1)
        rsync.terminate()
        rsync.wait()
        kept = folder / ".partial/cut.whl"
        for _ in range(100):  # a child of rsync's puts it there, and may be the last to end
            if kept.exists() and not list(folder.glob(".cut.whl.*")):
                break
            time.sleep(0.1)
        size = kept.stat().st_size
        is_there = (folder / "cut.whl").exists()
        pull(server, tmp_path, UNITS[0])

        assert size > 2_000_000
        assert not is_there
        assert (folder / "cut.whl").read_bytes() == source.read_bytes()
    finally:
        shutil.rmtree(source.parent)


@needs_rsync
def test_a_replica_gets_nothing_that_customers_sent_to_support(server: Server, tmp_path: Path):
    (tmp_path / "index").mkdir()
    secret = Path(server.env["DATA_DIR"], "files/support/traceback.txt")
    secret.parent.mkdir(parents=True)
    try:
        secret.write_text("password = 'x'")

        pull_all(server, tmp_path)
    finally:
        shutil.rmtree(secret.parent)

    assert not list(tmp_path.rglob("traceback.txt"))
