"""What a request costs does not depend on how many customers there are."""

import hashlib
import os
import sqlite3
import time
import tracemalloc
from contextlib import closing, suppress
from functools import cache
from pathlib import Path

import pytest

from lib.tokens import TokenKind, mint_token
from pkgindex.index.format import FORMAT, SCHEMA
from pkgindex.index.standalone import make_index
from tests.pkgindex.index_client import basic

SIZES = (2_000, 100_000)


def make_snapshot(path: Path, credentials: int) -> None:
    """As the exporter writes it: so many credentials, each with the same right."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript("PRAGMA synchronous=OFF; BEGIN;" + SCHEMA)
        meta = {"format": FORMAT, "base_url": "http://x", "upstream": "", "catalog": "c"}
        database.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        database.executemany(
            "INSERT INTO credential VALUES (?, ?, NULL, '[[1, null, 0]]', NULL)",
            sorted((hashlib.sha256(key(n).encode()).digest(), n) for n in range(credentials)),
        )
        database.execute(
            "INSERT INTO project VALUES"
            " (1, 'hare-pro', 'hare-pro', 0, '[1]', '', 'active', '', 0, x'00')"
        )
        database.execute("COMMIT")


@cache
def key(number: int) -> str:
    return mint_token(TokenKind.INDEX, entropy=number.to_bytes(32))


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("sizes")
    paths = {size: folder / f"{size}.sqlite3" for size in SIZES}
    for size, path in paths.items():
        make_snapshot(path, size)
    return paths


def ask(path: Path, size: int, times: int) -> tuple[float, int]:
    """Process time and memory of so many requests, with 200 keys that take turns."""
    index = make_index(path, path.parent)
    environs = [
        {"REQUEST_METHOD": "GET", "PATH_INFO": "/simple/hare-pro/", "SCRIPT_NAME": "",
         "HTTP_AUTHORIZATION": basic(key(size // 200 * n))}
        for n in range(200)
    ]  # fmt: skip
    said: list[str] = []
    tracemalloc.start()
    began = time.process_time()
    for _ in range(times):
        for environ in environs:
            index(environ, lambda status, _: said.append(status))  # type: ignore[arg-type, misc]
    took = time.process_time() - began
    memory = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert set(said) == {"200 OK"}
    return took, memory


def test_memory_grows_with_what_is_used_not_with_the_customers(snapshots: dict[int, Path]):
    few, many = (ask(snapshots[size], size, 2)[1] for size in SIZES)

    assert many < few * 1.2 + 100_000


def test_a_request_costs_the_same_for_any_number_of_customers(snapshots: dict[int, Path]):
    """A wide margin, because other processes share the machine; a scan would be fifty times."""
    few, many = (min(ask(snapshots[size], size, 10)[0] for _ in range(3)) for size in SIZES)

    assert many < few * 2


def test_a_snapshot_that_was_replaced_is_let_go(tmp_path: Path):
    """Each keeps a file open that was deleted: a thousand of them, and no wheel can be opened."""
    path, index, said = tmp_path / "snapshot.sqlite3", None, []
    for _ in range(5):
        make_snapshot(tmp_path / "next", 10)
        (tmp_path / "next").replace(path)
        index = index or make_index(path, tmp_path)
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/simple/hare-pro/", "SCRIPT_NAME": "",
                   "HTTP_AUTHORIZATION": basic(key(1))}  # fmt: skip
        index(environ, lambda status, _: said.append(status))  # type: ignore[arg-type, misc]

    assert said == ["200 OK"] * 5
    assert open_files(tmp_path) == [str(path)]


def open_files(folder: Path) -> list[str]:
    """Those of this process, by the names that they have or had."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists them
            links.append(os.readlink(descriptor))  # noqa: PTH115
    return [link for link in links if link.startswith(str(folder))]
