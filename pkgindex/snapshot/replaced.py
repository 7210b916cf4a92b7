"""A database that is not the snapshot's: it was replaced, by its backup or by an empty one.

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


def keep_names_of(before: Snapshot, path: Path, generation: int) -> bool:
    """Reserve the names of ours that only the snapshot has, if the database was replaced; whether
    it was. Then it is older by its number, or does not know a project, which it never forgets.

    Raises Emptied if it has no project at all.
    """
    published = {project.normalized_name for project in before.list_projects(only_public=False)}
    known = set(Project.objects.values_list("normalized_name", flat=True))
    if published and not known:
        raise Emptied(
            f"the database has no project, the snapshot {path} has {len(published)}, and the index"
            " answers from that; restore the database, or delete the file if nothing is to be sold"
        )
    lost = published - known
    if not lost and generation >= int(before.meta["generation"]):
        return False
    _reserve(dict.fromkeys(lost, False) | before.list_reserved())
    return True


def _reserve(names: dict[str, bool]) -> None:
    """*names*: whether those that begin with it are reserved, too. What is reserved stays so."""
    known = dict(ReservedName.objects.values_list("normalized_name", "is_prefix"))
    lost = {
        name: is_prefix
        for name, is_prefix in sorted(names.items())
        if name not in known or is_prefix > known[name]
    }
    ReservedName.objects.bulk_create(
        (ReservedName(normalized_name=name, is_prefix=lost[name]) for name in lost),
        update_conflicts=True,
        unique_fields=["normalized_name"],
        update_fields=["is_prefix"],
    )
    if lost:
        log.warning("not known to this database, and reserved now: %s", ", ".join(lost))
