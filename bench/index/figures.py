"""The index's own figures, one a line; exit code 1 if one is missed.

    python -m bench.index.figures [REPEATS]        15

A snapshot of 2,000 customers and 20 projects in 0.2 s. What a request costs is flat, within a
fifth, from 2,000 to 100,000 keys and from 20 to 2,000 projects: in process, 200 keys and 20
projects taking turns, each compared with its neighbour in time. The page of a project of 12,000
files in 10 ms and its 304 in 2 ms, with a key, through the shop's gunicorn over an open connection.
"""

from __future__ import annotations

import base64
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from bench.leases import served, set_up

FEW_KEYS, MANY_KEYS, FEW_PROJECTS, MANY_PROJECTS, LONG = 2_000, 100_000, 20, 2_000, 12_000
RELEASES = 20  # of every other project
MOST_EXPORT_MS, MOST_RATIO, MOST_PAGE_MS, MOST_304_MS = 200.0, 1.2, 10.0, 2.0
PIP = {
    "Accept": "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": "pip/26.3",
}


def report(what: str, value: float, most: float, unit: str) -> bool:
    print(f"{what}: {value:.2f}{unit} (at most {most:g}{unit})", flush=True)
    return value <= most


# --- what is sold ------------------------------------------------------------------------------


def secret_of(number: int) -> str:
    from lib.tokens import TokenKind, mint_token  # noqa: PLC0415

    return mint_token(TokenKind.INDEX, entropy=number.to_bytes(32))


def basic(number: int) -> str:
    pair = f"__token__:{secret_of(number)}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def add_customers(begin: int, end: int) -> None:
    from django.utils import timezone  # noqa: PLC0415

    from lib.tokens import digest_of  # noqa: PLC0415
    from licenses.models import Credential, Customer, License, Product, Tier  # noqa: PLC0415

    product, _ = Product.objects.get_or_create(slug="b", defaults={"name": "B"})
    tier, _ = Tier.objects.get_or_create(product=product, slug="pro")
    now, numbers = timezone.now(), range(begin, end)
    rows = Customer.objects.bulk_create([Customer(name=str(n)) for n in numbers], 5000)
    License.objects.bulk_create(
        [
            License(customer=row, tier=tier, kind="organization", paid_through=now,
                    updates_until=now, source=f"bench:{n}")
            for n, row in zip(numbers, rows, strict=True)
        ],
        5000,
    )  # fmt: skip
    Credential.objects.bulk_create(
        [
            Credential(customer=row, name="ci", hint="", digest=digest_of(secret_of(n)))
            for n, row in zip(numbers, rows, strict=True)
        ],
        5000,
    )


def add_projects(begin: int, end: int, releases: int = RELEASES, prefix: str = "lib") -> None:
    from licenses.models import Tier  # noqa: PLC0415
    from pkgindex.models import File, Project, Release  # noqa: PLC0415

    tier = Tier.objects.get(slug="pro")
    for number in range(begin, end):
        name = f"{prefix}-{number}"
        project = Project.objects.create(name=name, normalized_name=name)
        project.tiers.add(tier)
        made = Release.objects.bulk_create(
            [Release(project=project, version=f"1.{n}") for n in range(releases)], 5000
        )
        File.objects.bulk_create([_file(name, release) for release in made], 1000)


def _file(name: str, release: Any) -> Any:
    import hashlib  # noqa: PLC0415

    from pkgindex.models import File  # noqa: PLC0415

    filename = f"{name.replace('-', '_')}-{release.version}-py3-none-any.whl"
    digest = hashlib.sha256(filename.encode()).hexdigest()
    return File(
        release=release, filename=filename, packagetype="bdist_wheel", size=1, sha256=digest,
        blake2_256=digest, requires_python=">=3.9", metadata_sha256=digest,
    )  # fmt: skip


# --- what is measured ----------------------------------------------------------------------------


def export_to(path: Path, repeats: int = 1) -> float:
    """The snapshot as the database is now, kept under *path*; the median of the ms it took."""
    from pkgindex.snapshot import export_snapshot, snapshot_path  # noqa: PLC0415

    took, before = [], time.process_time()
    for _ in range(repeats):
        began = time.perf_counter()
        export_snapshot()
        took.append((time.perf_counter() - began) * 1000)
    each = (time.process_time() - before) * 1000 / repeats
    size = snapshot_path().stat().st_size / 1e6
    print(f"a snapshot of {size:.1f} MB takes {each:.0f} ms of CPU")
    shutil.copyfile(snapshot_path(), path)
    return statistics.median(took)


@dataclass(frozen=True)
class Size:
    """An index of a size, and requests to it that were all answered once before."""

    index: Any
    environs: list[dict[str, Any]]

    @classmethod
    def of(cls, snapshot: Path, keys: int, projects: int) -> Size:
        from pkgindex.index.standalone import make_index  # noqa: PLC0415

        environs = [
            {
                "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "REMOTE_ADDR": "127.0.0.1",
                "PATH_INFO": f"/simple/lib-{n % 20 * (projects // 20)}/",
                "HTTP_AUTHORIZATION": basic(keys // 200 * n),
                **{f"HTTP_{k.upper().replace('-', '_')}": v for k, v in PIP.items()},
            }
            for n in range(200)
        ]  # fmt: skip
        size = cls(make_index(snapshot, snapshot.parent), environs)
        size.cost()
        return size

    def cost(self, rounds: int = 10) -> float:
        """Microseconds of process time for one request."""
        said: list[str] = []

        def note(status: str, _: object) -> None:
            said.append(status)

        began = time.process_time()
        for _ in range(rounds):
            for environ in self.environs:
                self.index(environ, note)
        took = time.process_time() - began
        assert set(said) == {"200 OK"}, set(said)
        return took * 1e6 / len(said)


def compare(small: Size, large: Size, repeats: int) -> float:
    """Cost of the large one by that of the small one: the median of pairs."""
    pairs = [(small.cost(), large.cost()) for _ in range(repeats)]
    return statistics.median(after / before for before, after in pairs)


def measure_long_page(repeats: int) -> bool:
    with served() as (_, port):
        headers = {**PIP, "Authorization": basic(7)}
        for _ in range(10):  # each worker renders it once
            etag, size, _ = ask(port, headers, 200, 1)
        print(f"the page of {LONG:,} files is {size / 1e6:.1f} MB, gzipped")
        _, _, page = ask(port, headers, 200, 20 * repeats)
        _, _, known = ask(port, {**headers, "If-None-Match": etag}, 304, 20 * repeats)
    is_page_fast = report(f"page of {LONG:,} files, p50", page, MOST_PAGE_MS, " ms")
    return report("its 304, p50", known, MOST_304_MS, " ms") and is_page_fast


def ask(port: int, headers: dict[str, str], status: int, times: int) -> tuple[str, int, float]:
    """ETag and size of the last answer, and the median of the ms to its last byte."""
    connection, took = HTTPConnection("127.0.0.1", port, timeout=60), []
    for _ in range(times):
        began = time.perf_counter()
        connection.request("GET", "/simple/long-0/", headers=headers)
        answer = connection.getresponse()
        size = len(answer.read())
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status == status, answer.status
    connection.close()
    return answer.headers["ETag"], size, statistics.median(took)


def main() -> int:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        set_up(folder / "data")
        from django.db import connections  # noqa: PLC0415

        small, many_projects, many_keys = (folder / f"{n}.sqlite3" for n in range(3))
        add_customers(0, FEW_KEYS)
        add_projects(0, FEW_PROJECTS)
        what = f"snapshot of {FEW_KEYS:,} customers and {FEW_PROJECTS} projects"
        found = [report(what, export_to(small, repeats), MOST_EXPORT_MS, " ms")]
        add_customers(FEW_KEYS, MANY_KEYS)
        export_to(many_keys)
        add_projects(FEW_PROJECTS, MANY_PROJECTS)
        export_to(many_projects)
        base = Size.of(small, FEW_KEYS, FEW_PROJECTS)
        for what, path, projects in (
            (f"a request with {MANY_KEYS:,} keys", many_keys, FEW_PROJECTS),
            (f"with {MANY_PROJECTS:,} projects too", many_projects, MANY_PROJECTS),
        ):
            ratio = compare(base, Size.of(path, MANY_KEYS, projects), repeats)
            found.append(report(what, ratio, MOST_RATIO, " x"))
        add_projects(0, 1, releases=LONG, prefix="long")
        export_to(small)
        connections.close_all()
        found.append(measure_long_page(repeats))
    return 0 if all(found) else 1


if __name__ == "__main__":
    sys.exit(main())
