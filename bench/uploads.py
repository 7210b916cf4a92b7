"""How fast releases are taken, with every check, and how much memory a large one needs.

    python -m bench.uploads [FILES]        files a second of one `uv publish`     200
    python -m bench.uploads --big [MB]     one wheel up and down again            1000

Through the gunicorn of a shop with 2,000 customers, on SQLite, in a folder that is deleted again
(--big needs four times its size there). Exit code 1 if a figure is missed: 15 files/s; 20 MB more
memory, up or down.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from bench.index.figures import add_customers
from bench.leases import cpu_seconds, family, served, set_up
from tests.pkgindex.wheels import build_wheel, record_of, wheel_files, wheel_name

CUSTOMERS = 2_000  # each upload shows at once, so what they have is exported with it
LEAST_RATE, MOST_GROWTH = 15.0, 20.0  # files a second, MB
LIMIT = f"of memory (less than {MOST_GROWTH:.0f})"
BLOCK = 2**20
UV = Path(sys.executable).with_name("uv")


@dataclass(frozen=True)
class Shop:
    """A gunicorn of our own, and what opens its doors."""

    pid: int
    port: int
    token: str

    def publish(self, folder: Path) -> float:
        """Every wheel of *folder* with one `uv publish`; the seconds it took."""
        url = f"http://127.0.0.1:{self.port}/legacy/"
        files = sorted(map(str, folder.glob("*.whl")))
        began = time.monotonic()
        subprocess.run(
            [UV, "publish", "--quiet", "--no-config", "--publish-url", url, *files],
            env={"UV_PUBLISH_TOKEN": self.token, "HOME": str(folder), "UV_HTTP_TIMEOUT": "600"},
            check=True,
        )
        return time.monotonic() - began

    def fetch(self, path: str) -> tuple[str, int]:
        """SHA-256 and size of what lies there."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200, answer.status
        state, size = hashlib.sha256(), 0
        while block := answer.read(BLOCK):
            state.update(block)
            size += len(block)
        connection.close()
        return state.hexdigest(), size

    @contextmanager
    def memory(self) -> Iterator[list[float]]:
        """By how many MB the workers grew at their highest, once the block has ended."""
        grown: list[float] = []
        for worker in family(self.pid):
            Path(f"/proc/{worker}/clear_refs").write_text("5")  # the peak is forgotten
        before = self._peaks()
        yield grown
        grown.append(sum(after - before[pid] for pid, after in self._peaks().items()))

    def _peaks(self) -> dict[int, float]:
        found = {}
        for pid in family(self.pid):
            peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
            assert peak
            found[pid] = int(peak[1]) * 1024 / 1e6
        return found


@contextmanager
def running(folder: Path) -> Iterator[Shop]:
    set_up(folder)
    from django.db import connections  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from pkgindex.projects import define_project  # noqa: PLC0415
    from pkgindex.upload_tokens import create_upload_token  # noqa: PLC0415

    add_customers(0, CUSTOMERS)
    now = timezone.now()
    define_project("big", at=now, is_public=True)
    token = create_upload_token("bench", at=now)[1]
    connections.close_all()
    with (folder / "log").open("wb") as log, served(log, MAX_UPLOAD_MB="5000") as (pid, port):
        yield Shop(pid, port, token)


def measure_rate(shop: Shop, folder: Path, files: int) -> bool:
    for number in range(files):
        name, version = f"lib-{number % 20}", f"1.{number // 20}"
        (folder / wheel_name(name, version)).write_bytes(build_wheel(name, version))
    before = cpu_seconds(shop.pid)
    rate = files / shop.publish(folder)
    each = (cpu_seconds(shop.pid) - before) * 1000 / files
    print(
        f"{files} files by one uv publish: {rate:.1f} files/s (at least {LEAST_RATE:.0f}),"
        f" {each:.0f} ms of the server's CPU each"
    )
    return rate >= LEAST_RATE


def measure_big(shop: Shop, folder: Path, megabytes: int) -> bool:
    warm_up(shop, folder)
    wheel, sha256 = build_big(folder / "big", megabytes)
    size = wheel.stat().st_size
    with shop.memory() as up:
        took = shop.publish(wheel.parent)
    print(f"{size / 1e6:,.0f} MB up in {took:.0f} s: {up[0]:+.1f} MB {LIMIT}")
    wheel.unlink()
    with shop.memory() as down:
        began = time.monotonic()
        got = shop.fetch(f"/files/{sha256[:16]}/{wheel.name}")
        took = time.monotonic() - began
    print(f"{size / 1e6:,.0f} MB down in {took:.0f} s: {down[0]:+.1f} MB {LIMIT}")
    if got != (sha256, size):
        print("What came down is not what went up.")
    return got == (sha256, size) and max(up[0], down[0]) < MOST_GROWTH


def warm_up(shop: Shop, folder: Path) -> None:
    """Both workers have taken and sent files before, so that no import counts."""
    small = folder / "small"
    small.mkdir()
    for number in range(20):
        content = build_wheel("big", f"0.{number}")
        path = small / wheel_name("big", f"0.{number}")
        path.write_bytes(content)
        shop.publish(small)
        path.unlink()
        shop.fetch(f"/files/{hashlib.sha256(content).hexdigest()[:16]}/{path.name}")


def build_big(folder: Path, megabytes: int) -> tuple[Path, str]:
    """A sound wheel of so many MB of noise, stored, and its SHA-256."""
    folder.mkdir()
    path = folder / wheel_name("big", "1.0")
    files, noise = wheel_files("big", "1.0"), os.urandom(10_000_000)
    for part in range(megabytes // 10):
        files[f"big/{part}.bin"] = noise
    record = "big-1.0.dist-info/RECORD"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(record, record_of(files, record))
    with path.open("rb") as file:
        return path, hashlib.file_digest(file, "sha256").hexdigest()


def main() -> int:
    is_big, numbers = "--big" in sys.argv, [int(one) for one in sys.argv[1:] if one.isdigit()]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running(folder / "data") as shop:
            if is_big:
                is_good = measure_big(shop, folder, *(numbers or [1000]))
            else:
                is_good = measure_rate(shop, folder, *(numbers or [200]))
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
