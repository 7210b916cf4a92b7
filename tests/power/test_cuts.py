"""A power cut at any moment loses nothing that was acknowledged.

A thousand of them: `python -m bench.power_cuts`.
"""

import shutil
from pathlib import Path

import pytest
from django.db import connection

from tests.power.cuts import cut_at_random, prepare, record
from tests.power.trace import can_trace

pytestmark = [
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL answers for its own disk"),
    pytest.mark.skipif(not can_trace(), reason="no strace here (apt-get install strace)"),
]
ACKNOWLEDGED, CUTS = 24, 150
SYNCHRONOUS_NORMAL = (
    "from config import databases as d",
    "how = d.SQLITE_OPTIONS['init_command'].replace('synchronous=FULL', 'synchronous=NORMAL')",
    "d.SQLITE_OPTIONS['init_command'] = how",
)
NO_FSYNC_OF_FILES = ("import os", "os.fsync = lambda descriptor: None")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(tmp_path_factory.mktemp("power") / "data")


@pytest.fixture
def shop(prepared: Path, tmp_path: Path) -> Path:
    return shutil.copytree(prepared, tmp_path / "data")


def wrong_after_cuts(shop: Path, *planted: str) -> list[str]:
    disk, done = record(shop, ACKNOWLEDGED, *planted)
    cuts = list(cut_at_random(disk, done, CUTS))
    assert len(cuts) == CUTS
    return [f"{when}: {what}" for when, wrong in cuts for what in wrong]


def test_nothing_acknowledged_is_lost_and_nothing_half_is_listed(shop: Path):
    assert wrong_after_cuts(shop) == []
    assert any((shop / "files" / "support").iterdir())  # what was attached was among it


@pytest.mark.parametrize(
    ("planted", "found"),
    [(SYNCHRONOUS_NORMAL, "lost: webhook"), (NO_FSYNC_OF_FILES, "listed and not whole")],
)
def test_it_would_be_seen(shop: Path, planted: tuple[str, ...], found: str):
    assert found in " ".join(wrong_after_cuts(shop, *planted))
