"""A short share of `bench/small_machine.py`, so that it stays runnable; the ten minutes are run by
hand, for a test's machine has other guests and no p99.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_renewals_beside_installs_lose_nothing_and_stay_small():
    environment = {**os.environ, "DATABASE_URL": "", "PYTHONPATH": "sdk/src"}
    environment = {name: text for name, text in environment.items() if "DJANGO" not in name}

    done = subprocess.run(
        [sys.executable, "-m", "bench.small_machine", "4", "60", "2000"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    said = re.search(
        r"([\d,]+) renewals in.* ([\d,]+) pages.*failed (\d+).*lost (\d+)\n.*RSS (\d+) MB",
        done.stdout, re.DOTALL,
    )  # fmt: skip
    assert said, done.stdout + done.stderr
    renewals, installs, failed, lost, rss_mb = (int(n.replace(",", "")) for n in said.groups())
    assert renewals == 240
    assert installs > 10
    assert (failed, lost) == (0, 0), done.stdout
    assert rss_mb < 700
