"""The index in a process of its own, or on another machine: a snapshot and a folder of files are
all it needs. Any WSGI server takes it, e.g.
`granian --interface wsgi pkgindex.index.standalone:application`.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pkgindex.index.app import Index
from pkgindex.index.failures import Failures
from pkgindex.index.health import Health
from pkgindex.index.snapshot import Snapshots
from pkgindex.index.storage import Folder
from pkgindex.index.usage import Usage

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


def make_index(
    snapshot: Path,
    files: Path,
    *,
    state: Path | None = None,
    trusted_proxies: int = 0,
    hand_on_to: str = "",
) -> Index:
    """*state* is where uses are noted and wrong keys counted; without it uses are not noted, and
    each process counts for itself. Give the shop's own `DATA_DIR/index`, and `work` folds them.
    """
    return Index(
        Snapshots(snapshot),
        Folder(files),
        usage=Usage(state / "usage" if state else None),
        failures=Failures(state),
        trusted_proxies=trusted_proxies,
        hand_on_to=hand_on_to,
    )


def from_environment() -> "WSGIApplication":
    """INDEX_SNAPSHOT and INDEX_FILES; the others may be left out. `/healthz` says how it is."""
    missing = [name for name in ("INDEX_SNAPSHOT", "INDEX_FILES") if not os.environ.get(name)]
    if missing:
        raise SystemExit(
            f"{' and '.join(missing)} must be set: the snapshot and the files' folder."
        )
    state = os.environ.get("INDEX_STATE")
    proxies = os.environ.get("TRUSTED_PROXIES", "0")
    if not proxies.isdecimal():
        raise SystemExit(f"TRUSTED_PROXIES must be a whole number, not {proxies!r}.")
    pulled = os.environ.get("INDEX_PULLED")
    index = make_index(
        Path(os.environ["INDEX_SNAPSHOT"]),
        Path(os.environ["INDEX_FILES"]),
        state=Path(state) if state else None,
        trusted_proxies=int(proxies),
        hand_on_to=os.environ.get("INDEX_HAND_ON_TO", ""),
    )
    return index.in_front_of(Health(index.snapshots, Path(pulled) if pulled else None))


def __getattr__(name: str) -> "WSGIApplication":
    """`application` is made when a server asks for it, not when the module is imported."""
    if name != "application":
        raise AttributeError(name)
    index = globals()["application"] = from_environment()
    return index
