"""Tables of JSON rows in memory, with a SQLite file behind them when one is wanted.

A request is one transaction: `commit` writes what changed in one SQLite transaction before the
answer leaves, so `kill -9` loses nothing that was acknowledged; `rollback` takes it all back.
"""

import json
import marshal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .contract import Json, Value
from .index import Index, value_at

Row = tuple[str, str]
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS rows"
    " (tab TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (tab, key))"
)


def copied(value: Value) -> Value:
    """A deep copy of a JSON value (marshal is thirty times as fast as copy.deepcopy)."""
    return marshal.loads(marshal.dumps(value))  # noqa: S302 - our own bytes


class Store:
    """Rows keep the order in which they were made; a row that is put again keeps its place."""

    def __init__(self, file: Path | None = None) -> None:
        self._tables: dict[str, dict[str, Json]] = {}
        self._before: dict[Row, Json | None] = {}
        self._index = Index()
        # Told the key of every row that changes, or that is taken back.
        self.on_change: list[Callable[[str, str], None]] = []
        self._file = sqlite3.connect(file, check_same_thread=False) if file else None
        if self._file:
            self._load(self._file)

    def _load(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(SCHEMA)
        connection.commit()
        for tab, key, body in connection.execute("SELECT tab, key, body FROM rows ORDER BY rowid"):
            self._set(tab, key, json.loads(body))

    def _table(self, tab: str) -> dict[str, Json]:
        return self._tables.setdefault(tab, {})

    def _remember(self, tab: str, key: str) -> None:
        self._before.setdefault((tab, key), self._table(tab).get(key))

    def _set(self, tab: str, key: str, row: Json | None) -> None:
        table = self._table(tab)
        self._index.replace(tab, key, table.get(key), row)
        if row is None:
            table.pop(key, None)
        else:
            table[key] = row
        for told in self.on_change:
            told(tab, key)

    def get(self, tab: str, key: str) -> Json | None:
        row = self._table(tab).get(key)
        return None if row is None else copied(row)

    def peek(self, tab: str, key: str) -> Json | None:
        """A row to be read only."""
        return self._table(tab).get(key)

    def rows(self, tab: str, **fields: Any) -> list[Json]:
        """Rows whose fields equal the ones given, oldest first, to be read only: copy what you
        change."""
        table = self._table(tab)
        keys = self._index.candidates(tab, fields)
        found = table.values() if keys is None else [table[key] for key in keys]
        return [row for row in found if all(value_at(row, key) == fields[key] for key in fields)]

    def table(self, tab: str) -> dict[str, Json]:
        """A whole table, to be read only."""
        return self._table(tab)

    def put(self, tab: str, key: str, row: Json) -> Json:
        """Keep a copy of the row; the answer is that copy, to be read only."""
        return self.keep(tab, key, copied(row))

    def keep(self, tab: str, key: str, row: Json) -> Json:
        """Keep a row that nobody else will change. What is in here is never changed in place."""
        self._remember(tab, key)
        self._set(tab, key, row)
        return row

    def delete(self, tab: str, key: str) -> None:
        self._remember(tab, key)
        self._set(tab, key, None)

    def clear(self) -> None:
        for tab in self._tables:
            for key in list(self._table(tab)):
                self.delete(tab, key)

    def rollback(self) -> None:
        for (tab, key), row in self._before.items():
            self._set(tab, key, row)
        self._before.clear()

    def commit(self) -> None:
        if self._file and self._before:
            with self._file:
                for tab, key in self._before:
                    self._write(self._file, tab, key)
        self._before.clear()

    def _write(self, connection: sqlite3.Connection, tab: str, key: str) -> None:
        row = self._table(tab).get(key)
        if row is None:
            connection.execute("DELETE FROM rows WHERE tab = ? AND key = ?", (tab, key))
            return
        connection.execute(
            "INSERT INTO rows (tab, key, body) VALUES (?, ?, ?)"
            " ON CONFLICT (tab, key) DO UPDATE SET body = excluded.body",
            (tab, key, json.dumps(row)),
        )

    def close(self) -> None:
        if self._file:
            self._file.close()
