"""The index's snapshot: what the database says, exported into one file (pkgindex/index/format.py)
that the index, a process of its own or a replica answers from.
"""

from pkgindex.snapshot.exporting import (
    export_snapshot,
    is_current,
    repair_snapshot,
    snapshot_folder,
    snapshot_path,
)

__all__ = [
    "export_snapshot",
    "is_current",
    "repair_snapshot",
    "snapshot_folder",
    "snapshot_path",
]
