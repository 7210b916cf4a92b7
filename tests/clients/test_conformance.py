"""The pages, read by the libraries that read indexes: each raises at what it cannot read."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.clients.conftest import Server, run

pytestmark = [pytest.mark.clients, pytest.mark.enable_socket]

READERS = [
    "pypi-simple==1.8.0", "mousebender==2025.1", "simple-repository==0.11.1", "unearth==0.19.0",
    "html5lib==1.1", "httpx",
]  # fmt: skip
EXPECTED = {"hare": ["1.0"], "hare-pro": ["1.0", "2.0"], "hare-ent": ["1.0"]}


@pytest.fixture(scope="session")
def readers_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has them all, and nothing of ours."""
    folder = tmp_path_factory.mktemp("readers")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin/python"
    uv = Path(sys.executable).parent / "uv"
    subprocess.run([uv, "pip", "install", "-q", "--python", python, *READERS], check=True)
    return python


@pytest.mark.parametrize("holder", ["enterprise", "pro", "lapsed", "suspended", "revoked"])
def test_no_reader_finds_anything_wrong_in_any_page(
    server: Server, keys: dict[str, str], readers_python: Path, holder: str
):
    """Also with files that are marked as yanked, and such whose URL carries a hint.

    unearth fetches the file that it found, so it reads only what the holder may have.
    """
    script = Path(__file__).with_name("conform.py")

    done = run(readers_python, script, server.index_url(), keys[holder], *EXPECTED)

    assert done.code == 0, done.said
    found = json.loads(done.said)
    if holder != "enterprise":
        found = {name: what for name, what in found.items() if not name.startswith("unearth")}
        found = {name: what for name, what in found.items() if "402" not in what.get("error", "")}
    assert len(found) >= 20
    assert found == {name: {"versions": EXPECTED[name.rpartition(": ")[2]]} for name in found}
