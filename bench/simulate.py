"""Years of business against the real shop.

    python -m bench.simulate [CUSTOMERS] [YEARS] [SEED] [STEP]

Runs the demo on free ports, with every process of the shop living by the stand-in's clock, lets
`python -m stripe_standin.simulate` live the years, and at the end reconciles and counts what
needs the owner. STEP is how many weeks pass at once (1).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from demo.processes import ROOT
from demo.run import Demo

# What a bank does may wait for the owner at the end; anything else is ours to explain.
BANKS = ("dispute:", "inquiry:", "fraud-warning:", "refund-failed:")


def main() -> int:
    numbers = (*sys.argv[1:], *("200", "3", "1", "1")[len(sys.argv) - 1 :])[:4]
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo.on_free_ports(Path(folder))
        try:
            demo.prepare()
            demo.start()
            demo.publish()
            follow(demo)
            return live(demo, *numbers)
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


def live(demo: Demo, customers: str, years: str, seed: str, step: str) -> int:
    command = [sys.executable, "-m", "stripe_standin.simulate", "--standin", demo.stripe]
    command += ["--shop", demo.url, "--customers", customers, "--years", years, "--seed", seed]
    command += ["--step", step]
    command += ["--then", f"{sys.executable} manage.py reconcile --all"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **demo.processes.environment}, check=False
    )
    if done.returncode < 0:
        print(f"the simulation was ended by signal {-done.returncode}")
    ask = (
        "from billing.models import OwnerNotice as N; "
        "open_ = N.objects.filter(needs_him=True, closed_at=None); "
        "[print(n.key, '|', n) for n in open_]"
    )
    said = demo.processes.run("manage.py", "shell", "--no-imports", "-c", ask)
    notices = [line for line in said.splitlines() if "|" in line]
    unexpected = [line for line in notices if not line.startswith(BANKS)]
    print(f"needs him: {len(unexpected)}, and for what banks do: {len(notices) - len(unexpected)}")
    for line in notices:
        print(f"  {line}")
    return done.returncode or (1 if unexpected else 0)


if __name__ == "__main__":
    sys.exit(main())
