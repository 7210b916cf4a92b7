"""A database that is older than the snapshot: it was replaced, by its backup or by an empty one.

What the snapshot knows better is not forgotten: a name that is in neither is asked of PyPI, where
anybody may publish under it.
"""

import logging
from pathlib import Path

from pkgindex.index.snapshot import Snapshot
from pkgindex.models import Project, ReservedName

log = logging.getLogger(__name__)


class Emptied(Exception):
    """The database has no project, and the snapshot has; the index goes on to answer from it."""


def keep_names_of(before: Snapshot, path: Path, generation: int) -> None:
    """Reserve the names of projects that only the snapshot has, if the database is older.

    Raises Emptied if it has no project at all.
    """
    if generation >= int(before.meta["generation"]):
        return
    published = {project.normalized_name for project in before.list_projects(only_public=False)}
    known = set(Project.objects.values_list("normalized_name", flat=True))
    if published and not known:
        raise Emptied(
            f"the database has no project, the snapshot {path} has {len(published)}, and the index"
            " answers from that; restore the database, or delete the file if nothing is to be sold"
        )
    lost = sorted(published - known)
    ReservedName.objects.bulk_create(
        (ReservedName(normalized_name=name) for name in lost), ignore_conflicts=True
    )
    if lost:
        log.warning("reserved, published after the database's backup: %s", ", ".join(lost))
