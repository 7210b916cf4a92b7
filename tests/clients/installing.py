"""Real installers that install again and again, and somebody who looks all the time."""

import http.client
import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.clients.conftest import BIN, run
from tests.clients.outages import Outage, Progress
from tests.clients.site import Site
from tests.pkgindex.index_client import basic

INSTALLERS: dict[str, tuple[str | Path, ...]] = {
    "pip": (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-compile"),
    "uv": (BIN / "uv", "pip", "install", "--no-config", "--no-cache", "--python", sys.executable),
}
_LOOKED_EVERY = 0.02  # seconds


@dataclass
class Seen:
    """What came of one outage."""

    outage: str
    installs: dict[str, int] = field(default_factory=lambda: dict.fromkeys(INSTALLERS, 0))
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0  # seconds, of all installs
    gap: float = 0.0  # seconds, the longest between two good pages
    server_errors: int = 0  # answers of nginx from 500 on
    answers: int = 0
    happened: int = 0  # restarts, kills, migrations
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        return not self.failures and not self.server_errors and all(self.installs.values())

    def __str__(self) -> str:
        installs = ", ".join(f"{name} {number}" for name, number in self.installs.items())
        verdict = "good" if self.is_good else "BAD"
        return (
            f"| {self.outage} | {self.seconds:.0f} | {self.happened or '-'} | {installs} |"
            f" {len(self.failures)} | {self.server_errors} of {self.answers} | {self.gap:.2f} |"
            f" {self.slowest:.1f} | {verdict} |"
        )


HEADINGS = (
    "| outage | s | times | installs | failed | 5xx | longest gap s | slowest install s | |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def install_during(
    site: Site, outage: Outage, *, seconds: float, installs: int, times: int = 0
) -> Seen:
    """For so many *seconds* at least, that many *installs* by each installer, and until what the
    outage does was done so many *times*.
    """
    seen = Seen(outage.__name__)
    before, began = len(site.statuses()), time.monotonic()
    with outage(site) as progress:
        threads = _Threads(site, seen)
        try:
            _wait_until(lambda: _is_enough(seen, progress, began + seconds, installs, times))
        finally:
            threads.end()
        seen.happened = progress() if progress else 0
    statuses = site.statuses()[before:]
    seen.answers = len(statuses)
    seen.server_errors = sum(status >= 500 for status in statuses)
    seen.seconds = time.monotonic() - began
    return seen


def _is_enough(
    seen: Seen, progress: Progress | None, end: float, installs: int, times: int
) -> bool:
    return (
        time.monotonic() >= end
        and min(seen.installs.values()) >= installs
        and (progress is None or progress() >= times)
    ) or len(seen.failures) >= 20


def _wait_until(is_over: Callable[[], bool]) -> None:
    while not is_over():
        time.sleep(0.1)


class _Threads:
    """One for each installer, and one that looks."""

    def __init__(self, site: Site, seen: Seen) -> None:
        self._site, self._seen = site, seen
        self._over = threading.Event()
        self._all = [threading.Thread(target=self._install, args=[name]) for name in INSTALLERS]
        self._all.append(threading.Thread(target=self._look))
        for thread in self._all:
            thread.start()

    def end(self) -> None:
        self._over.set()
        for thread in self._all:
            thread.join()

    def _install(self, name: str) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            said = install(name, self._site.index_url(), self._site.folder / f"by-{name}")
            self._seen.slowest = max(self._seen.slowest, time.monotonic() - began)
            self._seen.installs[name] += not said
            if said:
                self._seen.failures.append(f"{name}: {said}")

    def _look(self) -> None:
        good = time.monotonic()
        while not self._over.is_set():
            try:
                is_good = look(self._site.url, self._site.keys["pro"]) == 200
            except (OSError, http.client.HTTPException):
                is_good = False
            if is_good:
                self._seen.gap = max(self._seen.gap, time.monotonic() - good)
                good = time.monotonic()
            time.sleep(_LOOKED_EVERY)
        self._seen.gap = max(self._seen.gap, time.monotonic() - good)


def install(name: str, index_url: str, target: Path) -> str:
    """What the installer said if hare-pro 2.0 is not there afterwards; else ""."""
    shutil.rmtree(target, ignore_errors=True)
    done = run(
        *INSTALLERS[name], "--no-deps", "--index-url", index_url, "--target", target, "hare-pro",
        env={
            "HOME": str(target.parent),
            "PIP_NO_CACHE_DIR": "1",
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_TRUSTED_HOST": urlsplit(index_url).hostname or "",  # there is no TLS here
        },
    )  # fmt: skip
    module = target / "hare_pro/__init__.py"
    is_there = done.code == 0 and module.exists() and '"2.0"' in module.read_text()
    return "" if is_there else done.said or "nothing was installed"


def look(url: str, key: str) -> int:
    """The status of a page, on a new connection."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        connection.request("GET", "/simple/hare-pro/", headers={"Authorization": basic(key)})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()
