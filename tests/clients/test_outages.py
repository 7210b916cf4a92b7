"""pip and uv install, again and again, from what `deploy/` sets up, whatever is the matter behind
the index. `python -m bench.outages` goes on for longer, with a host that swallows what comes, too.
"""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.clients.conftest import ROOT, run
from tests.clients.installing import install_during
from tests.clients.outages import OUTAGES
from tests.clients.site import Site, open_site

pytestmark = [pytest.mark.clients, pytest.mark.enable_socket]

TIMES = {"restarts": 2, "kills": 8, "migrating": 1, "vacuum": 1}
NEEDS_ITS_OWN_DISK = {"full"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_site(tmp_path_factory.mktemp("site")) as opened:
        yield opened


@pytest.mark.parametrize("name", [name for name in OUTAGES if name not in NEEDS_ITS_OWN_DISK])
def test_every_install_succeeds_and_no_answer_is_an_error(site: Site, name: str):
    times = TIMES.get(name, 0)

    seen = install_during(site, OUTAGES[name], seconds=0, installs=2, times=times)

    assert not seen.failures, seen.failures
    assert seen.server_errors == 0, seen
    assert min(seen.installs.values()) >= 2
    assert seen.happened >= times


def test_a_full_disk_and_a_lost_host_stop_no_install():
    """In name spaces of their own: a small disk, and a name with three addresses."""
    if subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("unshare -m needs root")

    outages = ("full", "refused")
    done = run(
        sys.executable, "-m", "bench.outages", *outages,
        "--seconds", "0", "--installs", "2", "--jobs", "6",
        env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip

    assert done.code == 0, done.said
    assert done.said.count("| good |") == len(outages)
