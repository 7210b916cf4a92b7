"""One small machine: renewals at an even rate beside installs, through gunicorn, answers signed.

    python -m bench.small_machine [SECONDS] [PER_SECOND] [LEASES]     600, 333, 100,000

Each renewal is a connection of its own, as a customer's process makes it. Beside them installers
fetch a page and a wheel, again and again, and `manage.py work` does its rounds. Exit code 1 if p99
is 250 ms or more, a renewal failed, a lease was lost, or all processes of the shop together have
700 MB or more.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from bench.leases import cpu_seconds, make_rows, rss_mb, set_up, wait_for
from demo.processes import ROOT, free_port

CUSTOMERS, PROCESSES = 20, 50  # that ask; the other leases only lie there
SENDERS, INSTALLERS = 32, 2
P99_SECONDS, MOST_MB = 0.25, 700
DEFAULTS = (600, 333, 100_000)


@dataclass
class Report:
    """What the customers saw, and what the server needed."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    installs: int = 0
    lost: int = 0
    rss_mb: float = 0.0
    cpu_seconds: float = 0.0

    @property
    def p99(self) -> float:
        return self.at_most(990)

    def at_most(self, per_mille: int) -> float:
        """How long so many of a thousand renewals took at most, in seconds."""
        return sorted(self.latencies)[(len(self.latencies) - 1) * per_mille // 1000]

    @property
    def is_good(self) -> bool:
        healthy = not self.failed and not self.lost
        return healthy and self.p99 < P99_SECONDS and self.rss_mb < MOST_MB

    def __str__(self) -> str:
        done = len(self.latencies)
        return (
            f"{done:,} renewals in {self.seconds:.0f} s = {done / self.seconds:.0f}/s, "
            f"{self.installs:,} pages and wheels beside them\n"
            f"p50 {1000 * self.at_most(500):.0f} ms, p99 {1000 * self.p99:.0f} ms, slowest "
            f"{1000 * self.at_most(1000):.0f} ms, failed {len(self.failed)} {self.failed[:3]}, "
            f"leases lost {self.lost}\nserver: RSS {self.rss_mb:.0f} MB in all processes, "
            f"{100 * self.cpu_seconds / self.seconds:.0f} % of one core"
        )


@dataclass(frozen=True)
class Sold:
    """What the customers have."""

    tokens: list[str]  # lease keys, one a customer
    iids: list[list[str]]  # his processes
    page: str
    wheel: str
    index_key: str


def run(sold: Sold, *, seconds: float, per_second: float) -> Report:
    """Against a shop of our own: gunicorn, and the worker loop beside it."""
    port = free_port()
    commands = [
        ["-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi"],
        ["manage.py", "work"],
    ]
    shop = [
        subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env={**os.environ, "PORT": str(port)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for command in commands
    ]
    try:
        wait_for(port)
        return _drive(sold, [one.pid for one in shop], port, seconds, per_second)
    finally:
        for process in shop:
            process.terminate()
        for process in shop:
            process.wait(30)


def _drive(sold: Sold, pids: list[int], port: int, seconds: float, per_second: float) -> Report:
    report, before, began = Report(), sum(map(cpu_seconds, pids)), time.monotonic()
    stop = threading.Event()
    senders = [
        threading.Thread(target=_renew, args=(sold, port, report, began, seconds, per_second, n))
        for n in range(SENDERS)
    ]
    installers = [
        threading.Thread(target=_install, args=(sold, port, report, stop))
        for _ in range(INSTALLERS)
    ]
    for thread in [*senders, *installers]:
        thread.start()
    for thread in senders:
        thread.join()
    stop.set()
    for thread in installers:
        thread.join()
    report.seconds = time.monotonic() - began
    report.cpu_seconds = sum(map(cpu_seconds, pids)) - before
    report.rss_mb = sum(map(rss_mb, pids))
    return report


def _renew(
    sold: Sold, port: int, report: Report, began: float, seconds: float, rate: float, number: int
) -> None:
    """Every SENDERS-th of the renewals, each at its own moment; late ones count as late."""
    turn = number
    while (at := turn / rate) < seconds:
        time.sleep(max(0.0, began + at - time.monotonic()))
        customer, process = turn % CUSTOMERS, turn // CUSTOMERS % PROCESSES
        path = f"/v1/leases/{sold.iids[customer][process]}"
        body = json.dumps({"v": 1, "threads": 10, "nonce": f"n{turn}", "seq": turn})
        headers = {"Authorization": f"Bearer {sold.tokens[customer]}"}
        error = _ask(port, "PUT", path, body, headers)
        report.latencies.append(time.monotonic() - began - at)
        if error:
            report.failed.append(error)
        turn += SENDERS


def _install(sold: Sold, port: int, report: Report, stop: threading.Event) -> None:
    pair = base64.b64encode(f"__token__:{sold.index_key}".encode()).decode()
    while not stop.wait(0.05):
        for path in (sold.page, sold.wheel):
            error = _ask(port, "GET", path, None, {"Authorization": f"Basic {pair}"})
            report.installs += not error
            if error:
                report.failed.append(error)


def _ask(port: int, method: str, path: str, body: str | None, headers: dict[str, str]) -> str:
    """What went wrong, or ""."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)  # as the client's
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, HTTPException) as error:
        return f"{method} {type(error).__name__}"
    else:
        return "" if answer.status == 200 else f"{method} {answer.status}"
    finally:
        connection.close()


def sell() -> Sold:
    """Customers with live leases, and something to install."""
    from django.utils import timezone  # noqa: PLC0415

    from licenses.credentials import create_credential, create_lease_credential  # noqa: PLC0415
    from licenses.leases import acquire_leases  # noqa: PLC0415
    from licenses.models import License  # noqa: PLC0415
    from licenses.wishes import Wish  # noqa: PLC0415
    from tests.make import make_license, make_tier  # noqa: PLC0415
    from tests.pkgindex.make import make_file, make_project, make_release, url_of  # noqa: PLC0415

    now, tier = timezone.now(), make_tier("enterprise", threads_per_unit=100)
    tokens, iids = [], []
    for _ in range(CUSTOMERS):
        made = make_license(tier=tier, threads=500)
        license = License.objects.select_related("customer", "tier__product").get(pk=made.pk)
        wishes = [Wish(uuid.uuid4(), 10) for _ in range(PROCESSES)]
        acquire_leases(license, wishes, at=now)
        tokens.append(create_lease_credential(license.pk, name="bench", at=now)[1])
        iids.append([str(wish.iid) for wish in wishes])
    file = make_file(make_release(make_project("bench-pro", tiers=[tier])))
    _, index_key = create_credential(license.customer_id, name="ci", at=now)
    return Sold(tokens, iids, "/simple/bench-pro/", url_of(file), index_key)


def make_others(leases: int) -> None:
    """So many leases that only lie there, each fifty with a license: the worker looks after all."""
    from licenses.models import License  # noqa: PLC0415

    first, _ = make_rows(leases)
    sample = License.objects.filter(threads__isnull=False).values().first()
    assert sample is not None
    License.objects.bulk_create(
        License(**{**sample, "id": first + n, "source": f"owner:bench-{n}"})
        for n in range(-(-leases // PROCESSES))
    )


def count_lost(sold: Sold) -> int:
    from django.utils import timezone  # noqa: PLC0415

    from licenses.models import Lease  # noqa: PLC0415

    asked = [iid for iids in sold.iids for iid in iids]
    return (
        len(asked)
        - Lease.objects.filter(iid__in=asked, firm=10, expires_at__gt=timezone.now()).count()
    )


def main() -> int:
    given = [int(number) for number in sys.argv[1:]]
    seconds, per_second, leases = (*given, *DEFAULTS[len(given) :])
    with tempfile.TemporaryDirectory() as folder:
        set_up(Path(folder))
        from django.db import connections  # noqa: PLC0415

        sold = sell()
        make_others(leases)
        connections.close_all()
        report = run(sold, seconds=seconds, per_second=per_second)
        report.lost = count_lost(sold)
    print(report)
    return 0 if report.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
