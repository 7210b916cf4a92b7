"""Years of business against the real shop: `python -m bench.simulate [CUSTOMERS] [YEARS] [SEED]`.

Runs the demo on free ports, with every process of the shop living by the stand-in's clock, lets
`python -m stripe_standin.simulate` live the years, and at the end reconciles and counts what
needs the owner.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from demo.processes import ROOT
from demo.run import Demo


def main() -> int:
    customers, years, seed = (*sys.argv[1:], *("200", "3", "1")[len(sys.argv) - 1 :])[:3]
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo.on_free_ports(Path(folder))
        try:
            demo.prepare()
            demo.start()
            demo.publish()
            follow(demo)
            return live(demo, customers, years, seed)
        finally:
            demo.processes.stop()


def follow(demo: Demo) -> None:
    """Start the shop and its worker anew, by the stand-in's clock."""
    processes = demo.processes
    for name in ("work", "shop"):
        processes.running[name].terminate()
        processes.running.pop(name).wait(30)
    path = os.pathsep.join([str(ROOT / "bench" / "following"), os.environ.get("PYTHONPATH", "")])
    processes.environment = {**processes.environment, "FOLLOW": demo.stripe, "PYTHONPATH": path}
    processes.start("shop", "-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi")
    processes.start("work", "manage.py", "work", "--pause", "0.05")
    processes.wait_for("shop", f"{demo.url}/healthz")


def live(demo: Demo, customers: str, years: str, seed: str) -> int:
    command = [sys.executable, "-m", "stripe_standin.simulate", "--standin", demo.stripe]
    command += ["--shop", demo.url, "--customers", customers, "--years", years, "--seed", seed]
    command += ["--then", f"{sys.executable} manage.py reconcile --all"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **demo.processes.environment}, check=False
    )
    if done.returncode < 0:
        print(f"the simulation was ended by signal {-done.returncode}")
    ask = (
        "from billing.models import OwnerNotice as N; "
        "open_ = N.objects.filter(needs_him=True, closed_at=None); "
        "print('needs him:', open_.exclude(key__startswith='dispute').count(), "
        "'and disputes:', open_.filter(key__startswith='dispute').count()); "
        "[print(' ', n) for n in open_]"
    )
    print(demo.processes.run("manage.py", "shell", "--no-imports", "-c", ask))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
