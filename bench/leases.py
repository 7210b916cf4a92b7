"""The ledger of threads: a race of many writers, and what a renewal costs.

    python -m bench.leases race [OPERATIONS] [PROCESSES] [SECONDS]
    python -m bench.leases mutants                       without the lock, without the delete
    python -m bench.leases renewals [LEASES] [SECONDS]   through gunicorn, signed answers
    python -m bench.leases flat                          1,000 against 100,000 live leases

Each on a database of its own; bin/postgres runs them on PostgreSQL.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import IO

from demo.processes import ROOT, free_port


def main() -> None:
    what, *numbers = sys.argv[1:] or ["race"]
    with tempfile.TemporaryDirectory() as folder:
        set_up(Path(folder))
        from bench.lease_rounds import mutants, race  # noqa: PLC0415

        commands = {"race": race, "mutants": mutants, "renewals": renewals, "flat": flat}
        sys.exit(commands[what](*map(int, numbers)))


def set_up(folder: Path) -> None:
    """Django on an empty database in *folder*, or on the one that DATABASE_URL names."""
    os.environ |= {
        "DEMO": "1", "SECRET_KEY": "bench-" * 10, "DATA_DIR": str(folder),
        "BASE_URL": "http://localhost", "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "DJANGO_SETTINGS_MODULE": "config.settings", "INDEX_UPSTREAM": "",
        "LICENSE_ROOT_KEY_FILE": str(folder / "root.pem"),
    }  # fmt: skip
    import django  # noqa: PLC0415

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    for database in ("default", "volatile"):
        call_command("migrate", database=database, verbosity=0)
    with Path(os.devnull).open("w") as nowhere:
        call_command("make_root_key", str(folder / "root.pem"), stdout=nowhere, stderr=nowhere)


@contextmanager
def served(log: IO[bytes] | int = subprocess.DEVNULL, **environ: str) -> Iterator[tuple[int, int]]:
    """The shop under gunicorn until the end of the block: its process and its port."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi"],
        cwd=ROOT,
        env={**os.environ, "PORT": str(port), **environ},
        stdout=log,
        stderr=log,
    )
    try:
        wait_for(port)
        yield server.pid, port
    finally:
        server.terminate()
        server.wait(30)


def renewals(number: int = 10_000, seconds: int = 20, clients: int = 8) -> None:
    """Renewals through gunicorn: over keep-alive connections, each answer signed."""
    token, iids = make_leases(number)
    _close_connections()
    with served() as (pid, port):
        report_renewals(pid, port, token, iids, seconds, clients)


def report_renewals(
    pid: int, port: int, token: str, iids: list[str], seconds: int, clients: int
) -> None:
    latencies: list[float] = []
    failed: list[int] = []
    before, started = cpu_seconds(pid), time.monotonic()
    threads = [
        threading.Thread(
            target=renew, args=(port, token, iids[n::clients], started + seconds, latencies, failed)
        )
        for n in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, spent = time.monotonic() - started, cpu_seconds(pid) - before
    latencies.sort()
    done = len(latencies)
    print(f"{done:,} renewals in {took:.1f} s = {done / took:.0f}/s; failed {len(failed)}")
    print(f"server CPU {1000 * spent / done:.2f} ms each = {done / spent:.0f}/s per core")
    print(
        f"p50 {1000 * latencies[done // 2]:.1f} ms, p99 {1000 * latencies[done * 99 // 100]:.1f} ms"
    )
    print(f"server RSS {rss_mb(pid):.0f} MB in all processes")


def renew(
    port: int, token: str, iids: list[str], until: float, latencies: list[float], failed: list[int]
) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    fields = {"v": 1, "threads": 10, "env": "production", "pkg": "hare-ent", "ver": "2.1.0"}
    number = 0
    while time.monotonic() < until:
        body = json.dumps({**fields, "nonce": f"n{number}", "seq": number})
        began = time.monotonic()
        connection.request("PUT", f"/v1/leases/{iids[number % len(iids)]}", body, headers)
        answer = connection.getresponse()
        answer.read()
        latencies.append(time.monotonic() - began)
        if answer.status != 200:
            failed.append(answer.status)
        number += 1


def flat() -> None:
    """What one renewal costs in process, with few and with many live leases."""
    costs = {}
    for number in (1_000, 100_000):
        license_id, iids = make_rows(number)
        costs[number] = cost_of_renewals(license_id, iids)
        print(f"{number:,} live leases: {costs[number] * 1e6:.0f} µs a renewal")
    print(f"ratio {costs[100_000] / costs[1_000]:.2f}")


def cost_of_renewals(license_id: int, iids: list[uuid.UUID], times: int = 3000) -> float:
    from django.utils import timezone  # noqa: PLC0415

    from licenses.leases import acquire_leases  # noqa: PLC0415
    from licenses.models import License  # noqa: PLC0415
    from licenses.wishes import Wish  # noqa: PLC0415

    license = License(pk=license_id, threads=None, rev=1, status="active")
    step = max(1, len(iids) // times)
    picked = (iids[::step] * times)[:times]
    began = time.process_time()
    for iid in picked:
        acquire_leases(license, [Wish(iid, 10)], at=timezone.now())
    return (time.process_time() - began) / times


def make_rows(number: int) -> tuple[int, list[uuid.UUID]]:
    """Live leases, fifty to a license, without asking for each; the first license and its own."""
    from django.utils import timezone  # noqa: PLC0415

    from licenses.models import Lease, LeasePool  # noqa: PLC0415

    now = timezone.now()
    first = 10_000_000 + number * 10
    rows = [
        Lease(
            license_id=first + n // 50, iid=uuid.uuid4(), env="production", is_counted=True,
            threads=10, firm=10, surge=0, acquired_at=now, expires_at=now + timedelta(hours=1),
        )
        for n in range(number)
    ]  # fmt: skip
    Lease.objects.bulk_create(rows, batch_size=2000)
    pools = [LeasePool(pk=first + n, license_rev=1, leases=50) for n in range(-(-number // 50))]
    LeasePool.objects.bulk_create(pools, batch_size=2000)
    return first, [row.iid for row in rows[:50]]


def make_leases(number: int) -> tuple[str, list[str]]:
    """A license of a real customer with its credential, and other customers' leases around it."""
    from django.utils import timezone  # noqa: PLC0415

    from licenses.credentials import create_lease_credential  # noqa: PLC0415
    from licenses.issuing import Grant, issue_license  # noqa: PLC0415
    from licenses.leases import acquire_leases  # noqa: PLC0415
    from licenses.models import Product, Tier  # noqa: PLC0415
    from licenses.people import add_customer  # noqa: PLC0415
    from licenses.wishes import Wish  # noqa: PLC0415

    now = timezone.now()
    product, _ = Product.objects.get_or_create(slug="hare", defaults={"name": "Hare"})
    tier, _ = Tier.objects.get_or_create(product=product, slug="ent", defaults={"name": "Ent"})
    license = issue_license(
        customer_id=add_customer(name="Bench").pk, source=f"owner:{uuid.uuid4()}", at=now,
        grant=Grant(tier.pk, "limited", 500, now + timedelta(days=30)),
    )  # fmt: skip
    _, token = create_lease_credential(license.pk, name="bench", at=now)
    wishes = [Wish(uuid.uuid4(), 10) for _ in range(50)]
    acquire_leases(license, wishes, at=now)
    make_rows(number)
    return token, [str(wish.iid) for wish in wishes]


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
    raise SystemExit("gunicorn did not start")


def family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in family(int(child)))]


def cpu_seconds(pid: int) -> float:
    ticks = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in family(pid))
    return pages * resource.getpagesize() / 1e6


def _close_connections() -> None:
    from django.db import connections  # noqa: PLC0415

    connections.close_all()  # one must not cross a fork


if __name__ == "__main__":
    main()
