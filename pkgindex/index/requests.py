"""A request to the index, once it is known who sends it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pkgindex.index.coverage import Reader
from pkgindex.index.files import Asked
from pkgindex.index.snapshot import Snapshot

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


@dataclass(slots=True)  # frozen ones take three times as long to make
class Request:
    method: str
    path: str
    environ: "WSGIEnvironment"
    snapshot: Snapshot
    reader: Reader | None
    now: float  # Unix seconds

    def header(self, name: str) -> str | None:
        value: str | None = self.environ.get(f"HTTP_{name}")
        return value

    @property
    def query(self) -> str:
        query: str = self.environ.get("QUERY_STRING", "")
        return query

    @property
    def credential_id(self) -> int:
        return self.reader.credential_id if self.reader else 0

    @property
    def agent(self) -> str:
        return self.header("USER_AGENT") or ""

    @property
    def asked(self) -> Asked:
        """What it says about a file."""
        return Asked(
            method=self.method,
            if_none_match=self.header("IF_NONE_MATCH"),
            range=self.header("RANGE"),
            if_range=self.header("IF_RANGE"),
        )
