"""The snapshot's form: a read-only SQLite file that whoever has it can answer from.

It holds no secret but digests of credentials (and of some the name and the last four characters),
and no word of Django: the exporter (pkgindex/snapshot) has finished every sentence. Moments are
microseconds since 1970.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

FORMAT = "3"  # raised when a reader of before could not read it
SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
-- rights: JSON, [[tier, until or null for all, sentence], ...], the best reason first
-- scope: null for no limit, or JSON {networks, elsewhere, versions, not_in_range}
CREATE TABLE credential (
    digest BLOB PRIMARY KEY, id INTEGER NOT NULL, expires_at INTEGER, rights TEXT NOT NULL,
    scope TEXT
) WITHOUT ROWID;
-- what is told to whoever has a credential that ended, or will one day
CREATE TABLE refused (digest BLOB PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sentence (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
-- digest: of all that is on the project's pages; tiers: JSON
CREATE TABLE project (
    id INTEGER PRIMARY KEY, normalized_name TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    is_public INTEGER NOT NULL, tiers TEXT NOT NULL, not_covered TEXT NOT NULL,
    status TEXT NOT NULL, status_reason TEXT NOT NULL, newest INTEGER NOT NULL,
    digest BLOB NOT NULL
);
CREATE TABLE file (
    project INTEGER NOT NULL, position INTEGER NOT NULL, counts_from INTEGER NOT NULL,
    uploaded_at INTEGER NOT NULL, id INTEGER NOT NULL, version TEXT NOT NULL, yanked TEXT,
    filename TEXT NOT NULL UNIQUE, packagetype TEXT NOT NULL, sha256 TEXT NOT NULL,
    blake2_256 TEXT NOT NULL, size INTEGER NOT NULL, requires_python TEXT NOT NULL,
    metadata_sha256 TEXT NOT NULL, provenance_sha256 TEXT NOT NULL, PRIMARY KEY (project, position)
) WITHOUT ROWID;
CREATE TABLE reserved (
    normalized_name TEXT PRIMARY KEY, is_prefix INTEGER NOT NULL
) WITHOUT ROWID;
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(number: int) -> datetime:
    return _EPOCH + number * _MICROSECOND


def storage_path(sha256: str, filename: str) -> str:
    """Where the storage keeps a file; its core metadata lies beside, with `.metadata`."""
    return f"files/{sha256[:2]}/{sha256[2:4]}/{sha256}/{filename}"


def provenance_path(path: str, sha256: str) -> str:
    """Where the provenance of the file at *path* lies. It has its own digest in its name: two
    uploads of the same bytes at once may bring two of them.
    """
    return f"{path}.{sha256[:16]}.provenance"


def snapshot_in(folder: Path) -> Path:
    return folder / "snapshot.sqlite3"
