"""Real processes of a customer against a real server: hare-ent obeys its lease."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from wheelbarrow_client.leasing import CHILD_SECONDS

from demo.build import build_wheels
from licenses.credentials import create_lease_credential
from licenses.documents import sign_document
from licenses.models import Lease, License
from licenses.root_key import public_key_text
from tests.licenses.leasing import BOTH, limited, sums
from tests.sdk.pythons import find_pythons

pytestmark = pytest.mark.django_db(transaction=True, databases=BOTH)
SECONDS = 150  # a client whose first request met a busy machine asks again after 30 to 60

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(
    live_server: Any, socket_enabled: None, root_key: Path, settings: Any, tmp_path: Path
) -> Iterator[Start]:
    """Starts `python -m hare_ent work THREADS` on one block of a hundred threads."""
    settings.BASE_URL = live_server.url
    license = limited(100)
    document = sign_document(license, at=timezone.now())
    token = create_lease_credential(license.pk, name="prod", at=timezone.now())[1]
    for wheel in build_wheels(tmp_path / "wheels", public_key_text()):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(tmp_path / "site")
    running: list[subprocess.Popen[str]] = []

    def run(
        threads: int, slot: str = "", code: str = "", python: str = sys.executable
    ) -> "subprocess.Popen[str]":
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "TMPDIR": str(tmp_path),
            "PYTHONPATH": str(tmp_path / "site"),
            "NO_PROXY": "*",
            "WHEELBARROW_LICENSE": document,
            "WHEELBARROW_LEASE_KEY": token,
            "WHEELBARROW_SLOT": slot,
        }
        what = ["-c", code] if code else ["-m", "hare_ent", "work", str(threads)]
        process = subprocess.Popen(
            [python, "-u", *what],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        return process

    yield run
    for process in running:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its children too
        process.communicate()


def until(what: Callable[[], bool], seconds: float = SECONDS) -> float:
    """How long it took."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(0.05)
    return time.monotonic() - began


def rows() -> int:
    return Lease.objects.count()


def test_the_oldest_and_the_newest_python_lease_and_say_goodbye(start: Start):
    pythons = find_pythons()
    processes = [start(10, slot=str(number), python=one) for number, one in enumerate(pythons)]
    until(lambda: rows() == len(pythons))
    assert sums(License.objects.get()) == (10 * len(pythons), 0)

    for process in processes:
        process.terminate()
        said, errors = process.communicate(timeout=SECONDS)
        assert "10 threads" in said, errors
        assert errors == ""

    assert rows() == 0


def test_five_pools_of_fifty_on_one_block(start: Start):
    processes = []
    for number in range(1, 6):
        processes.append(start(50, slot=str(number)))
        until(lambda n=number: rows() == n)  # type: ignore[misc]
    firm, surge = sums(License.objects.get())
    assert firm <= 110
    assert firm + surge <= 200

    last = processes[4]
    until(lambda: Lease.objects.filter(firm=0, surge=0).exists())
    assert last.stdout is not None
    said = [last.stdout.readline() for _ in range(3)]
    assert said[1:] == ["50 threads\n", "standing by\n"]

    # kill -9, and the same slot again: the ledger holds it once.
    processes[0].send_signal(signal.SIGKILL)
    old = set(Lease.objects.filter(slot__endswith="/1").values_list("iid", flat=True))
    processes[0] = start(50, slot="1")
    until(lambda: not Lease.objects.filter(iid__in=old).exists())
    assert rows() == 5

    # SIGTERM: the threads are free at once, and not when the lease would have ended.
    ends_at = Lease.objects.get(slot__endswith="/2").expires_at
    processes[1].send_signal(signal.SIGTERM)
    until(lambda: rows() == 4)
    assert processes[1].wait(SECONDS) == 0
    assert timezone.now() < ends_at - timedelta(seconds=SECONDS)

    last.terminate()
    assert "The license allows 100 threads; all of them are in use. http" in last.communicate()[1]


def test_children_of_a_preforking_server_have_leases_of_their_own(start: Start):
    code = (
        "import os, time, hare, hare_ent.pool as pool\n"
        "pool.start_threads(hare.Queue(), 5)\n"
        "for number in range(9):\n"
        "    if os.fork() == 0:\n"
        "        if number:\n"
        "            pool.start_threads(hare.Queue(), 4)\n"
        "        break\n"
        "time.sleep(300)\n"
    )

    process = start(5, code=code)

    until(lambda: rows() == 9)  # the parent's, and eight of nine: one runs no paid work
    held = sorted(Lease.objects.values_list("firm", "threads"))
    assert held == [(4, 4)] * 8 + [(5, 5)]
    time.sleep(CHILD_SECONDS[1])
    assert rows() == 9
    assert process.poll() is None
