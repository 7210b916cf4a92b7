"""Real installs by pip and uv, again and again, while something is the matter.

    python -m bench.outages [OUTAGE …] [--seconds 20] [--granian /path/to/python]

Sets up what `deploy/` documents: nginx, the shop, `work`, and two processes of the index. Each
outage lasts until the given time has passed, each installer has installed ten times, and what the
outage does has been done (20 restarts, 100 kills). Good is: every install succeeds, no answer of
nginx is 500 or more. `refused` and `black_hole` take the main host away, where the name of
the index has the addresses of two replicas, too; the figures for them are 1.5 s for the first and
15 s (pip) or 5 s (uv) for the other. Then 50 jobs install at once. Needs root, for a disk and an
/etc/hosts of its own.
"""

import bench.shop_floor  # noqa: F401  first: it sets Django up

# isort: split
import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.hosts import ALLOWED, HOSTS, MAIN, NAME, host_away
from tests.clients.installing import HEADINGS, Seen, install_during
from tests.clients.outages import OUTAGES
from tests.clients.site import Site, open_site

INSIDE = "OUTAGES_INSIDE"  # a mark in the environment: the name spaces are our own already
DISK = "256m"
TIMES = {"restarts": 20, "kills": 100, "migrating": 3, "vacuum": 3}
SECONDS = {"locked": 60.0}


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
        return host_away(site, outage, options.granian, options.installs, options.jobs)
    return install_during(
        site,
        OUTAGES[outage],
        seconds=SECONDS.get(outage, options.seconds),
        installs=options.installs,
        times=min(TIMES.get(outage, 0), options.times),
    )


def _mount(folder: Path) -> None:
    """A small disk for the shop's data, and a name with three addresses."""
    (folder / "data").mkdir()
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{HOSTS}")
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
    parser.add_argument("--jobs", type=int, default=50, help="at once, without the main host")
    parser.add_argument("--times", type=int, default=1000, help="at most, restarts and kills")
    parser.add_argument("--granian", default=sys.executable, help="a python that has granian")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
