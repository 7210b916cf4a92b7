"""What the newest snapshot holds."""

import sqlite3
from contextlib import closing
from typing import Any

from pkgindex.snapshot import snapshot_path


def content() -> dict[str, list[Any]]:
    """All rows of the snapshot, but for the moment it was made at."""
    with closing(sqlite3.connect(snapshot_path())) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema")]
        found = {
            table: database.execute(f"SELECT * FROM {table}").fetchall()
            for table in tables
            if not table.startswith("sqlite_")
        }
    return found | {"meta": [row for row in found["meta"] if row[0] != "made_at"]}
