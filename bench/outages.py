"""Real installs by pip and uv, again and again, while something is the matter.

    python -m bench.outages [OUTAGE …] [--seconds 20] [--granian /path/to/python]

Sets up what `deploy/` documents: nginx, the shop, `work`, and two processes of the index. Each
outage lasts until the given time has passed, each installer has installed ten times, and what the
outage does has been done (20 restarts, 100 kills). Good is: every install succeeds, no answer of
nginx is 500 or more. `refused` and `black_hole` take the main host away, where the name of
the index has a second address, that of a replica; the figures for them are 1.5 s for the first and
15 s (pip) or 5 s (uv) for the other. Needs root, for a disk and an /etc/hosts of its own.
"""

import bench.shop_floor  # noqa: F401  first: it sets Django up

# isort: split
import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.clients.installing import HEADINGS, INSTALLERS, Seen, install, install_during
from tests.clients.outages import OUTAGES
from tests.clients.site import Site, Unit, index_command, open_site

INSIDE = "OUTAGES_INSIDE"  # a mark in the environment: the name spaces are our own already
DISK = "256m"
MAIN, REPLICA, NAME = "127.0.0.21", "127.0.0.22", "index.test"
TIMES = {"restarts": 20, "kills": 100, "migrating": 3, "vacuum": 3}
SECONDS = {"locked": 60.0}
ALLOWED = {"refused": {"pip": 1.5, "uv": 1.5}, "black_hole": {"pip": 15, "uv": 5}}
SLACK = 4.0  # seconds by which two installs differ on a machine that does something else, too


def host_away(site: Site, kind: str, python: str, installs: int) -> Seen:
    """Installs while the main host is away; every one must cost at most so much more."""
    usual = {name: _median(site, name) for name in INSTALLERS}
    seen, began = Seen(kind), time.monotonic()
    with _replica(site, python), _gone(site, kind):
        for name in INSTALLERS:
            for _ in range(installs):
                started = time.monotonic()
                said = install(name, site.index_url(), site.folder / f"by-{name}")
                took = time.monotonic() - started
                seen.slowest = max(seen.slowest, took)
                seen.installs[name] += not said
                if said:
                    seen.failures.append(f"{name}: {said}")
                elif took - usual[name] > ALLOWED[kind][name] + SLACK:
                    seen.failures.append(f"{name}: {took:.1f} s instead of {usual[name]:.1f} s")
    seen.seconds = time.monotonic() - began
    return seen


def _median(site: Site, name: str) -> float:
    took = []
    for _ in range(3):
        began = time.monotonic()
        install(name, site.index_url(), site.folder / f"by-{name}")
        took.append(time.monotonic() - began)
    return sorted(took)[1]


@contextmanager
def _replica(site: Site, python: str) -> Iterator[None]:
    """Another host that pulled the files and then the snapshot, on the port of the main one."""
    folder, port = site.folder / "replica", site.units["nginx"].port
    shutil.copytree(site.data / "files", folder / "files")
    (folder / "index").mkdir()
    shutil.copy(site.data / "index/snapshot.sqlite3", folder / "index")
    command = index_command(python, folder, f"{REPLICA}:{port}")
    env = {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    unit = Unit("replica", command, env, site.folder / "replica.log", address=REPLICA, port=port)
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


def main() -> int:
    options = _options()
    if INSIDE not in os.environ:
        command = ["unshare", "-m", sys.executable, "-m", "bench.outages", *sys.argv[1:]]
        return subprocess.run(command, env=os.environ | {INSIDE: "1"}, check=False).returncode
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _mount(folder)
        with open_site(folder, python=options.granian, listen=MAIN, host=NAME) as site:
            print(HEADINGS, flush=True)
            for outage in options.outages:
                seen = _one(site, outage, options)
                bad += not seen.is_good
                print(seen, *seen.failures[:3], sep="\n", flush=True)
        subprocess.run(["umount", folder / "data"], check=False)
    return int(bool(bad))


def _one(site: Site, outage: str, options: argparse.Namespace) -> Seen:
    if outage in ALLOWED:
        return host_away(site, outage, options.granian, options.installs)
    return install_during(
        site,
        OUTAGES[outage],
        seconds=SECONDS.get(outage, options.seconds),
        installs=options.installs,
        times=min(TIMES.get(outage, 0), options.times),
    )


def _mount(folder: Path) -> None:
    """A small disk for the shop's data, and a name with two addresses."""
    (folder / "data").mkdir()
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{MAIN} {NAME}\n{REPLICA} {NAME}\n")
    for command in (
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder / "data"],
        ["mount", "--bind", hosts, "/etc/hosts"],
    ):
        subprocess.run(command, check=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.outages", description=__doc__)
    every = [*OUTAGES, *ALLOWED]
    parser.add_argument("outages", nargs="*", default=every, metavar="OUTAGE", help=f"{every}")
    parser.add_argument("--seconds", type=float, default=20, help="at least; locked takes 60")
    parser.add_argument("--installs", type=int, default=10, help="at least, by each installer")
    parser.add_argument("--times", type=int, default=1000, help="at most, restarts and kills")
    parser.add_argument("--granian", default=sys.executable, help="a python that has granian")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
