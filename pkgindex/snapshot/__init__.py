"""The index's snapshot: what the database says, exported into one file (pkgindex/index/format.py)
that the index, a process of its own or a replica answers from.
"""

from pkgindex.snapshot.exporting import (
    Busy,
    export_snapshot,
    is_current,
    repair_snapshot,
    snapshot_folder,
    snapshot_path,
)
from pkgindex.snapshot.replaced import Emptied

__all__ = [
    "Busy",
    "Emptied",
    "export_snapshot",
    "is_current",
    "repair_snapshot",
    "snapshot_folder",
    "snapshot_path",
]
