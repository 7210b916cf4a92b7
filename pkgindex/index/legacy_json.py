"""`/pypi/<project>/json`: what pipenv, dependabot and older tools ask for."""

import json
from collections.abc import Iterable
from datetime import UTC
from typing import Any

from packaging.version import Version

from pkgindex.index.coverage import Shelf
from pkgindex.index.pages import FileEntry


def render_legacy_json(shelf: Shelf, entries: Iterable[FileEntry], base_url: str) -> bytes:
    """The project as PyPI's JSON API shows it, as far as it is about files.

    `info` is about the newest release that an unpinned install would take.
    """
    offered = [] if shelf.status == "quarantined" else list(entries)
    releases: dict[str, list[dict[str, Any]]] = {}
    for entry in offered:
        releases.setdefault(entry.version, []).append(_file(entry, base_url))
    latest = _latest(offered)
    content = {
        "info": _info(shelf, latest, base_url),
        "last_serial": 0,
        "releases": releases,
        "urls": releases[latest.version] if latest else [],
        "vulnerabilities": [],
    }
    return json.dumps(content).encode()


def _latest(entries: list[FileEntry]) -> FileEntry | None:
    def rank(entry: FileEntry) -> tuple[bool, bool, Version]:
        version = Version(entry.version)
        return entry.yanked is None, not version.is_prerelease, version

    return max(entries, key=rank, default=None)


def _info(shelf: Shelf, latest: FileEntry | None, base_url: str) -> dict[str, Any]:
    return {
        "name": shelf.name,
        "version": latest.version if latest else "",
        "requires_python": (latest.requires_python or None) if latest else None,
        "package_url": f"{base_url}/simple/{shelf.normalized_name}/",
        "yanked": latest is not None and latest.yanked is not None,
        "yanked_reason": (latest.yanked or None) if latest else None,
    }


def _file(entry: FileEntry, base_url: str) -> dict[str, Any]:
    is_wheel = entry.packagetype == "bdist_wheel"
    return {
        "filename": entry.filename,
        "url": f"{base_url}/files/{entry.path_of_url}",
        "digests": {"sha256": entry.sha256, "blake2b_256": entry.blake2_256},
        "size": entry.size,
        "packagetype": entry.packagetype,
        "python_version": entry.filename.split("-")[-3] if is_wheel else "source",
        "requires_python": entry.requires_python or None,
        "upload_time": f"{entry.uploaded_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}",
        "upload_time_iso_8601": f"{entry.uploaded_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "has_sig": False,
        "yanked": entry.yanked is not None,
        "yanked_reason": entry.yanked or None,
    }
