"""Cut the power at random moments of one recording, and look at what is left."""

import hashlib
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from pkgindex.index.format import storage_path
from tests.power import deeds, trace
from tests.power.disk import Disk

PROJECT = Path(__file__).parents[2]


def prepare(root: Path) -> Path:
    """Make a shop in the new folder *root*: what lies on the disk before."""
    root.mkdir()
    command = [sys.executable, "-m", "tests.power.deeds", "--prepare"]
    subprocess.run(command, env=_environment(root), cwd=root, check=True)
    return root


def record(root: Path, number: int, *before: str) -> tuple[Disk, list[trace.Operation]]:
    """Let so many things be acknowledged in *root*: the disk before, and what was done to it.

    *before* is Python that the process runs first: bugs to plant.
    """
    disk, log = Disk(root), root.parent / "trace"
    run = "runpy.run_module('tests.power.deeds', run_name='__main__')"
    code = ["import runpy, sys", *before, f"sys.argv[1:] = ['{number}']", run]
    trace.record([sys.executable, "-c", "; ".join(code)], log, _environment(root), root)
    return disk, list(trace.read(log, root))


def _environment(root: Path) -> dict[str, str]:
    own = {"DATA_DIR": str(root), "PYTHONPATH": str(PROJECT), "PYTHONWARNINGS": "ignore"}
    return {**os.environ, **deeds.ENVIRONMENT, **own}


def cut_at_random(
    disk: Disk, done: list[trace.Operation], number: int, seed: int = 0
) -> Iterator[tuple[str, list[str]]]:
    """After each of so many cuts: when it was, and what is wrong. Uses *disk* up."""
    chance = random.Random(seed)
    moments = Counter(chance.randrange(len(done)) for _ in range(number))
    facts: list[str] = []
    for moment, operation in enumerate(done):
        disk.do(operation)
        if operation.kind == "write" and operation.path.endswith("/told"):
            facts.append(operation.data.decode().strip())
        for again in range(moments[moment]):
            with tempfile.TemporaryDirectory() as folder:
                left = Path(folder, "left")
                disk.cut(left, seed=moment * 1000 + again)
                yield f"after operation {moment} of {len(done)}", what_is_wrong(left, facts)


def what_is_wrong(left: Path, facts: list[str]) -> list[str]:
    """What was acknowledged and is not there, and what is there and not whole."""
    try:
        with closing(sqlite3.connect(left / "wheelbarrow.sqlite3")) as database:
            wrong = _unsound(database) + _not_whole(database, left)
            return wrong + [f"lost: {fact}" for fact in facts if not _holds(database, fact)]
    except sqlite3.DatabaseError as error:
        return [f"the database: {error}"]


def _unsound(database: sqlite3.Connection) -> list[str]:
    found = [row[0] for row in database.execute("PRAGMA integrity_check") if row[0] != "ok"]
    found += [f"foreign key {row}" for row in database.execute("PRAGMA foreign_key_check")]
    return [f"the database: {what}" for what in found]


def _not_whole(database: sqlite3.Connection, left: Path) -> list[str]:
    wrong = []
    columns = "filename, sha256, metadata_sha256"
    for name, sha256, of_metadata in database.execute(f"SELECT {columns} FROM pkgindex_file"):
        path = storage_path(sha256, name)
        for place, digest in ((path, sha256), (f"{path}.metadata", of_metadata)):
            file = left / "files" / place
            content = file.read_bytes() if file.exists() else b""
            if hashlib.sha256(content).hexdigest() != digest:
                wrong.append(f"listed and not whole: {place} ({len(content)} bytes)")
    for stored_as, size in database.execute("SELECT stored_as, size FROM support_attachment"):
        file = left / "files" / stored_as
        if not file.exists() or file.stat().st_size != size:
            wrong.append(f"attached and not whole: {stored_as}")
    return wrong


def _holds(database: sqlite3.Connection, fact: str) -> bool:
    kind, what = fact.split()
    question = {
        "webhook": "SELECT 1 FROM billing_stripeevent WHERE stripe_id = ?",
        "mail": "SELECT 1 FROM support_inboundmail WHERE event_id = ?",
        "upload": "SELECT 1 FROM pkgindex_file WHERE filename = ?",
        "revocation": "SELECT 1 FROM licenses_credential WHERE id = ? AND revoked_at IS NOT NULL",
    }[kind]
    return database.execute(question, [what]).fetchone() is not None
