"""Three hosts under one name: the main one goes away, and everybody still installs."""

from __future__ import annotations

import json
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice, repeat
from pathlib import Path

from tests.clients.conftest import run
from tests.clients.installing import INSTALLERS, Seen, install, look
from tests.clients.site import Site, Unit, index_command

MAIN, REPLICAS, NAME = "127.0.0.21", ("127.0.0.22", "127.0.0.23"), "index.test"
HOSTS = "".join(f"{address} {NAME}\n" for address in (MAIN, *REPLICAS))
ALLOWED = {"refused": {"pip": 1.5, "uv": 1.5}, "black_hole": {"pip": 15, "uv": 5}}
SLACK = 4.0  # seconds by which two installs differ on a machine that does something else, too


def host_away(site: Site, kind: str, python: str, installs: int, jobs: int) -> Seen:
    """Installs while the main host is away, each of which may cost at most so much more; then so
    many *jobs* at once, which only have to succeed. A key that was revoked before is refused.
    """
    usual = {name: _median(site, name) for name in INSTALLERS}
    revoked = _revoked_key(site)
    seen, began = Seen(kind), time.monotonic()
    with _replicas(site, python), _gone(site, kind):
        _check_refused(site, revoked, seen)
        for name in [name for name in INSTALLERS for _ in range(installs)]:
            started = time.monotonic()
            _note(seen, name, install(name, site.index_url(), site.folder / f"by-{name}"))
            took = time.monotonic() - started
            seen.slowest = max(seen.slowest, took)
            if took - usual[name] > ALLOWED[kind][name] + SLACK:
                seen.failures.append(f"{name}: {took:.1f} s instead of {usual[name]:.1f} s")
        _install_at_once(site, jobs, seen)
    seen.seconds = time.monotonic() - began
    return seen


def _install_at_once(site: Site, jobs: int, seen: Seen) -> None:
    names = list(islice(cycle(INSTALLERS), jobs))
    folders = [site.folder / f"job-{number}" for number in range(jobs)]
    with ThreadPoolExecutor(jobs) as pool:
        for name, said in zip(
            names, pool.map(install, names, repeat(site.index_url()), folders), strict=True
        ):
            _note(seen, name, said)


def _note(seen: Seen, name: str, said: str) -> None:
    seen.installs[name] += not said
    if said:
        seen.failures.append(f"{name}: {said}")


def _median(site: Site, name: str) -> float:
    took = []
    for _ in range(3):
        began = time.monotonic()
        install(name, site.index_url(), site.folder / f"by-{name}")
        took.append(time.monotonic() - began)
    return sorted(took)[1]


def _revoked_key(site: Site) -> str:
    """It was good a moment ago."""
    secret = _seed(site, "key")["pro"]
    if look(site.url, secret) != 200:
        raise AssertionError("a new key opens no door")
    _seed(site, "revoke", secret)
    return secret


def _seed(site: Site, *what: str) -> dict[str, str]:
    done = run(sys.executable, "-m", "tests.clients.seed", *what, env=site.env)
    if done.code:
        raise AssertionError(done.said)
    read: dict[str, str] = json.loads(done.raw)
    return read


def _check_refused(site: Site, secret: str, seen: Seen) -> None:
    for address in REPLICAS:
        status = look(site.url.replace(NAME, address), secret)
        if status != 401:
            seen.failures.append(f"{address} answers a revoked key with {status}")


@contextmanager
def _replicas(site: Site, python: str) -> Iterator[None]:
    """Two more hosts that pulled the files and then the snapshot, on the port of the main one."""
    with ExitStack() as stack:
        for address in REPLICAS:
            stack.enter_context(_replica(site, python, address))
        yield


@contextmanager
def _replica(site: Site, python: str, address: str) -> Iterator[None]:
    folder, port = site.folder / address, site.units["nginx"].port
    shutil.copytree(site.data / "files", folder / "files")
    (folder / "index").mkdir()
    shutil.copy(site.data / "index/snapshot.sqlite3", folder / "index")
    command = index_command(python, folder, f"{address}:{port}")
    env = {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    log = site.folder / f"{address}.log"
    unit = Unit(address, command, env, log, address=address, port=port)
    unit.start()
    try:
        yield
    finally:
        unit.stop()
        shutil.rmtree(folder)


@contextmanager
def _gone(site: Site, kind: str) -> Iterator[None]:
    """nginx of the main host is down; what is sent there is refused, or vanishes."""
    site.units["nginx"].stop()
    with ExitStack() as stack:
        if kind == "black_hole":
            hole = stack.enter_context(socket.socket())
            hole.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            hole.bind((MAIN, site.units["nginx"].port))
            hole.listen(0)
            for _ in range(3):  # the queue is full: Linux drops whoever comes now
                filler = stack.enter_context(socket.socket())
                filler.settimeout(0)
                filler.connect_ex(hole.getsockname())
        yield
    site.units["nginx"].start()
