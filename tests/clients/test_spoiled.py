"""Spoiled wheels that the upload door takes: pip and uv install the same files of them, those that
the archive holds.

`FUZZ_INSTALLED=1000 bin/test tests/clients/test_spoiled.py` goes on for as long as one likes.
"""

import io
import itertools
import os
import random
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pkgindex.uploads.form import read_form
from pkgindex.uploads.refusals import UploadRefused
from tests.clients.conftest import BIN, run
from tests.pkgindex.test_fuzz import FORM, as_wheel, spoil
from tests.pkgindex.wheels import build_wheel, wheel_name

pytestmark = pytest.mark.clients

NUMBER = int(os.environ.get("FUZZ_INSTALLED", "8"))
# What an installer writes of its own.
OWN = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}


def taken() -> Iterator[tuple[int, bytes]]:
    """Wheels that are other bytes than the sound one, and taken all the same; with their seeds."""
    sound, form = build_wheel("hare", "1.0"), read_form(FORM)
    for seed in itertools.count():
        content = spoil(sound, random.Random(seed))
        try:
            as_wheel(content, form)
        except UploadRefused:
            continue
        if content != sound:
            yield seed, content


def installed(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in OWN and path.suffix != ".pyc" and path.stem != ""
        and not path.name.startswith(".")
    }  # fmt: skip


def held(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {
            name: archive.read(name)
            for name in archive.namelist()
            if not name.endswith("/") and name.rpartition("/")[2] not in OWN
        }


def test_pip_and_uv_install_the_same_of_a_spoiled_wheel(pips: dict[str, Path], tmp_path: Path):
    python = {"UV_PYTHON": sys.executable, "UV_CACHE_DIR": str(tmp_path / "cache")}
    env = {"HOME": str(tmp_path), "PIP_NO_COMPILE": "1", "PIP_CONFIG_FILE": "/dev/null"} | python
    pip = (sys.executable, pips["pip"] / "pip", "--disable-pip-version-check", "install")
    uv = (BIN / "uv", "pip", "install", "--no-config")

    for seed, content in itertools.islice(taken(), NUMBER):
        wheel = tmp_path / str(seed) / wheel_name("hare", "1.0")
        wheel.parent.mkdir()
        wheel.write_bytes(content)
        for name, command in (("by-pip", pip), ("by-uv", uv)):
            target = wheel.parent / name
            done = run(*command, "--no-deps", "--no-index", "--target", target, wheel, env=env)
            assert done.code == 0, (seed, name, done.said)
            assert installed(target) == held(content), (seed, name)
