"""Spoiled and odd wheels that the upload door takes: pip and uv install the same files of them,
those that the archive holds.

`python -m bench.fuzz frames 1000000`, and `structures`, go on for as long as one likes.
"""

import itertools
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pkgindex.uploads.form import read_form
from pkgindex.uploads.refusals import UploadRefused
from tests.clients.conftest import BIN, run
from tests.pkgindex.installed import differences, installers
from tests.pkgindex.odd_wheels import OddWheel, odd_wheel
from tests.pkgindex.strange_wheels import held, installed, name_of
from tests.pkgindex.test_fuzz import FORM, as_wheel, spoil
from tests.pkgindex.wheels import build_wheel, wheel_name

pytestmark = pytest.mark.clients

NUMBER = 8
ODD = 25  # of different names: they are installed at once


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


def odd() -> dict[str, bytes]:
    """The first odd wheels that are taken, by file name."""
    found: dict[str, OddWheel] = {}
    seeds = itertools.count()
    while len(found) < ODD:
        seed = next(seeds)
        wheel = odd_wheel(seed)
        if name_of(seed) not in found and wheel.is_taken():
            found[name_of(seed)] = wheel
    return {wheel.filename: wheel.content for wheel in found.values()}


def test_each_pip_and_uv_install_the_same_of_odd_wheels(pips: dict[str, Path], tmp_path: Path):
    new, old = (installers(str(pips[name])) for name in ("pip", "pip==23.2.1"))

    assert differences(odd(), new | {"pip 23.2.1": old["pip"]}, tmp_path) == []
