"""Spoiled wheels and strange requests by the million.

    python -m bench.fuzz frames 1000000    # wheels and their zip frame; those taken are installed
    python -m bench.fuzz metadata 1000000  # sound frames, strange METADATA; one in 50 of them is
    python -m bench.fuzz structures 1000000  # odd wheels, each of sound parts and strange ones
    python -m bench.fuzz sdists 1000000
    python -m bench.fuzz requests 1000000  # keys, URLs and headers at the index's door

A wheel must be refused with a sentence or taken, and then pip and uv must install the very files
that it holds. Any other exception, more than 2 seconds or more than 200 MB for one seed is a fault:
it is printed with its seed, and the exit code is 1. `--first` goes on where another run ended,
`--pip` is a wheel of another pip for structures. Of these the scripts must be such in both, too.
"""

from __future__ import annotations

from bench.shop_floor import everything  # first: it sets Django up

# isort: split
import argparse
import gzip
import itertools
import multiprocessing
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import connections

from pkgindex.uploads.form import read_form
from pkgindex.uploads.refusals import UploadRefused
from tests.pkgindex.installed import differences, installers
from tests.pkgindex.odd_wheels import odd_wheel
from tests.pkgindex.strange_requests import StrangeRequests, fill_index
from tests.pkgindex.strange_wheels import (
    held,
    installed,
    name_of,
    spoiled_frame,
    spoiled_metadata,
    taken,
)
from tests.pkgindex.test_fuzz import FORM, as_sdist, spoil
from tests.pkgindex.wheels import build_sdist, wheel_name

CHUNK = 4000  # seeds
SECONDS, BYTES = 2, 200_000_000
INSTALL_EVERY = {"frames": 1, "metadata": 50, "structures": 1}  # of the wheels that are taken
BIN = Path(sys.executable).parent
INSTALLERS: dict[str, list[str | Path]] = {
    "pip": [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-compile"],
    "uv": [BIN / "uv", "pip", "install", "--no-config", "--python", sys.executable],
}


Wheels = dict[int, tuple[str, bytes]]
Differ = Callable[[Wheels, Path], list[str]]


@dataclass
class Chunk:
    first: int
    said: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, 0)
    peak: int = 0  # bytes


class Fuzz:
    """One kind; lives in the parent and, forked, in every process."""

    def __init__(self, kind: str, requests: StrangeRequests | None, pip: str = "") -> None:
        self._kind = kind
        self._requests = requests
        self._differ: Differ = _differ_as_spoiled
        if kind == "structures":
            self._differ = partial(_differ_as_odd, installers(pip))
        self._wheels: dict[int, tuple[str, bytes]] = {}  # taken, with its file name, by seed
        self._sdist = gzip.decompress(build_sdist("hare", "1.0"))
        self._form = read_form(FORM)

    def chunk(self, first: int, end: int) -> Chunk:
        chunk, before = Chunk(first), _peak()
        for seed in range(first, end):
            began = time.monotonic()
            try:
                chunk.said[self._one(seed)] += 1
            except BaseException as error:
                chunk.faults.append(f"seed {seed}: {type(error).__name__}: {error}")
            chunk.slowest = max(chunk.slowest, (time.monotonic() - began, seed))
        chunk.peak = _peak()
        if chunk.peak - before > BYTES:
            chunk.faults.append(f"seeds {first} to {end}: {chunk.peak - before} bytes")
        if chunk.slowest[0] > SECONDS:
            chunk.faults.append(f"seed {chunk.slowest[1]}: {chunk.slowest[0]:.1f} s")
        self._install(chunk)
        return chunk

    def _one(self, seed: int) -> str:
        if self._requests is not None:
            return self._requests.ask(seed)
        if self._kind == "sdists":
            return self._read_sdist(seed)
        wheel = self._taken(seed)
        if wheel is not None:
            self._wheels[seed] = wheel
        return "refused" if wheel is None else "taken"

    def _taken(self, seed: int) -> tuple[str, bytes] | None:
        if self._kind == "structures":
            odd = odd_wheel(seed)
            return (odd.filename, odd.content) if odd.is_taken() else None
        content = taken(spoiled_frame if self._kind == "frames" else spoiled_metadata, seed)
        return None if content is None else (wheel_name(name_of(seed), "1.0"), content)

    def _read_sdist(self, seed: int) -> str:
        try:
            as_sdist(spoil(self._sdist, random.Random(seed)), self._form)
        except UploadRefused:
            return "refused"
        return "taken"

    def _install(self, chunk: Chunk) -> None:
        """Those of different names at once."""
        every = INSTALL_EVERY.get(self._kind, 1)
        left = dict(itertools.islice(self._wheels.items(), 0, None, every))
        self._wheels.clear()
        while left:
            batch: dict[str, int] = {}
            for seed in left:
                batch.setdefault(name_of(seed), seed)
            wheels = {seed: left.pop(seed) for seed in batch.values()}
            chunk.said["installed"] += len(wheels)
            chunk.faults += _compare(wheels, self._differ)


def _compare(wheels: Wheels, differ: Differ) -> list[str]:
    """What pip or uv does not install as the wheels hold it; a batch that fails is halved."""
    with tempfile.TemporaryDirectory() as name:
        faults = differ(wheels, Path(name))
    seeds = list(wheels)
    found: list[str] = []
    if faults and len(wheels) > 1:
        for half in (seeds[::2], seeds[1::2]):
            found += _compare({seed: wheels[seed] for seed in half}, differ)
    return found or [f"seeds {seeds}: {fault}" for fault in faults]


def _differ_as_odd(commands: dict[str, list[str | Path]], wheels: Wheels, at: Path) -> list[str]:
    return differences(dict(wheels.values()), commands, at)


def _differ_as_spoiled(wheels: Wheels, folder: Path) -> list[str]:
    faults, files = [], []
    expected = {name: data for _, wheel in wheels.values() for name, data in held(wheel).items()}
    for name, content in wheels.values():
        files.append(folder / name)
        files[-1].write_bytes(content)
    for installer, command in INSTALLERS.items():
        said = _run(installer, command, folder, files)
        if said or installed(folder / installer) != expected:
            faults.append(f"{installer}: {said[-300:] or 'other files'}")
    return faults


def _run(installer: str, command: list[str | Path], folder: Path, files: list[Path]) -> str:
    """What was said if it failed, or ""."""
    done = subprocess.run(
        [*command, "--no-deps", "--no-index", "--target", folder / installer, *files],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "UV_CACHE_DIR": str(folder / "cache"),
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_NO_CACHE_DIR": "1",
        },
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return (done.stdout or "failed") if done.returncode else ""


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


_fuzz: Fuzz  # the processes inherit it: an open index crosses no pipe


def _chunk(first_and_end: tuple[int, int]) -> Chunk:
    return _fuzz.chunk(*first_and_end)


def run(number: int, first: int, processes: int) -> int:
    """The number of faults."""
    begins = range(first, first + number, CHUNK)
    chunks = [(begin, min(begin + CHUNK, first + number)) for begin in begins]
    said: Counter[str] = Counter()
    faults, slowest, peak, started = 0, (0.0, 0), 0, time.monotonic()
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for count, chunk in enumerate(pool.imap_unordered(_chunk, chunks), 1):
            said += chunk.said
            slowest, peak = max(slowest, chunk.slowest), max(peak, chunk.peak)
            faults += len(chunk.faults)
            for fault in chunk.faults:
                print(fault, flush=True)
            done, spent = min(count * CHUNK, number), time.monotonic() - started
            slow = f"{slowest[0] * 1000:.0f} ms (seed {slowest[1]})"
            print(
                f"{done:,} of {number:,} in {spent:.0f} s ({done / spent:.0f}/s), {faults} faults,"
                f" slowest {slow}, peak {peak / 1e6:.0f} MB:"
                f" {dict(said.most_common())}",
                flush=True,
            )
    return faults


@contextmanager
def _opened(kind: str, folder: Path) -> Iterator[StrangeRequests | None]:
    """The index of a small catalog, if requests are wanted."""
    if kind != "requests":
        yield None
        return
    settings.DATA_DIR, settings.MEDIA_ROOT = folder, folder / "files"
    with everything():
        requests = fill_index(folder / "files", folder / "state")
        connections.close_all()  # none crosses a fork
        yield requests


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("kind", choices=["frames", "metadata", "structures", "sdists", "requests"])
    parser.add_argument("number", type=int, nargs="?", default=50_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--pip", default="", help="a wheel of another pip, for structures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, _opened(options.kind, Path(name)) as requests:
        global _fuzz  # noqa: PLW0603
        _fuzz = Fuzz(options.kind, requests, options.pip)
        return int(bool(run(options.number, options.first, options.processes)))


if __name__ == "__main__":
    sys.exit(main())
