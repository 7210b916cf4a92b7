"""gunicorn as config/gunicorn.py sets it up: a worker that has served its requests is replaced."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from bench.leases import family, wait_for
from demo.processes import free_port

pytestmark = pytest.mark.enable_socket
ROOT = Path(__file__).parents[2]
SECONDS, REPLACED = 60, 3
FEW_REQUESTS = "--max-requests 5 --max-requests-jitter 0"


@pytest.fixture
def gunicorn(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """The process and the port of a server whose workers serve five requests each."""
    port = free_port()
    environment = {name: text for name, text in os.environ.items() if "DJANGO" not in name}
    environment |= {"DEMO": "1", "SECRET_KEY": "x" * 60, "DATA_DIR": str(tmp_path)}
    environment["ALLOWED_HOSTS"] = "127.0.0.1"
    environment |= {"PORT": str(port), "GUNICORN_CMD_ARGS": FEW_REQUESTS, "DATABASE_URL": ""}
    command = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi"]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=quiet, stderr=quiet)
    try:
        wait_for(port)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(SECONDS)


def test_replacing_a_worker_costs_little_beside_the_start(gunicorn: tuple[int, int]):
    pid, port = gunicorn
    seen = workers_of(pid)
    until = time.monotonic() + SECONDS

    while len(seen - workers_of(pid)) < REPLACED:
        assert time.monotonic() < until
        ask(port)
        seen |= workers_of(pid)

    own, of_the_dead = cpu_ticks(pid)
    assert of_the_dead / REPLACED < own / 5


def workers_of(pid: int) -> set[int]:
    return set(family(pid)) - {pid}


def ask(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    connection.request("GET", "/robots.txt")
    connection.getresponse().read()
    connection.close()


def cpu_ticks(pid: int) -> tuple[int, int]:
    """Of the process itself, and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    user, system, childrens_user, childrens_system = map(int, fields[11:15])
    return user + system, childrens_user + childrens_system
