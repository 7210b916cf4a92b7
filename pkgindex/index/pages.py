"""The pages of the Simple API 1.4, in JSON (PEP 691, 700, 714) and HTML (PEP 503, 592, 629)."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from pkgindex.index import negotiation
from pkgindex.index.coverage import ALL, Coverage
from pkgindex.index.format import storage_path

API_VERSION = "1.4"
DIGEST_LENGTH = 16  # characters of the SHA-256 that stand in the URL of a file
_HINT_LENGTH = 150  # characters


@dataclass(frozen=True)
class ProjectEntry:
    """A line of the root page."""

    name: str
    normalized_name: str


@dataclass(frozen=True)
class FileEntry:
    """A line of a project page. `yanked` is None, or the reason, which may be empty (PEP 592).

    `refusal` is why this reader may not have the file; "" if he may.
    """

    filename: str
    version: str
    sha256: str
    size: int
    uploaded_at: datetime
    requires_python: str = ""
    metadata_sha256: str = ""
    yanked: str | None = None
    counts_from: int = 0  # microseconds
    id: int = 0
    packagetype: str = ""
    blake2_256: str = ""
    provenance_sha256: str = ""
    refusal: str = ""

    @property
    def path(self) -> str:
        """In the storage."""
        return storage_path(self.sha256, self.filename)

    @property
    def path_of_url(self) -> str:
        """Below /files/. A refusal stands in it as a hint: every installer prints the URL that
        failed, and not every server lets us say a reason in the status line.
        """
        hint = f"{as_hint(self.refusal)}/" if self.refusal else ""
        return f"{self.sha256[:DIGEST_LENGTH]}/{hint}{quote(self.filename)}"

    @property
    def url(self) -> str:
        """Relative to the project page, so that it does not matter where the index is mounted."""
        return f"../../files/{self.path_of_url}"


@dataclass(frozen=True)
class Status:
    """A project's status (PEP 792)."""

    status: str = "active"
    reason: str = ""


ACTIVE = Status()


@dataclass(frozen=True)
class _Project:
    """What the lines of its files need to know of it."""

    name: str  # normalized
    base_url: str

    def provenance_url(self, entry: FileEntry) -> str:
        """Absolute, as PEP 740 wants it; "" if there are no attestations."""
        if not entry.provenance_sha256:
            return ""
        where = f"{self.name}/{quote(entry.version)}/{quote(entry.filename)}"
        return f"{self.base_url}/integrity/{where}/provenance"


def as_hint(sentence: str) -> str:
    """A sentence as a part of a URL's path: "Your-license-ended-2026-06-01"."""
    words = re.sub(r"[^A-Za-z0-9.]+", "-", sentence.partition(";")[0]).strip("-.")
    return words[:_HINT_LENGTH] or "refused"


def seen_by(entries: list[FileEntry], coverage: Coverage) -> list[FileEntry]:
    """The files of a project as somebody with this coverage shall see them.

    What he may not have stays listed, as yanked with the reason: an unpinned install then takes
    the newest release that he may have, a pinned one prints the reason. Where he may have
    nothing, nothing is marked: pip says no word about a project whose files are all yanked,
    but it shows the reason in the 402 of a file.
    """
    if coverage is ALL:
        return entries
    refusals = [coverage.refusal(entry.counts_from, entry.version) for entry in entries]
    has_some = "" in refusals
    return [
        replace(entry, refusal=refusal, yanked=refusal if has_some else entry.yanked)
        if refusal
        else entry
        for entry, refusal in zip(entries, refusals, strict=True)
    ]


def render_root(projects: Iterable[ProjectEntry], form: str) -> tuple[bytes, str]:
    """The list of projects in the *form* that was negotiated: body and content type."""
    if form == negotiation.JSON:
        return _json({"projects": [{"name": project.name} for project in projects]}), form
    lines = format_html_join(
        "\n",
        '<a href="{}/">{}</a><br>',
        ((project.normalized_name, project.name) for project in projects),
    )
    return _html("Simple index", lines), _html_type(form)


def render_project(
    name: str,
    files: Iterable[FileEntry],
    form: str,
    status: Status = ACTIVE,
    *,
    base_url: str = "",
) -> tuple[bytes, str]:
    """The page of the project *name* (normalized): body and content type. *base_url* is the
    shop's, for the few URLs that must be absolute.

    A quarantined project keeps its versions and offers no file (PEP 792).
    """
    entries = list(files)
    project = _Project(name, base_url)
    shown = [] if status.status == "quarantined" else entries
    if form == negotiation.JSON:
        return _json(_project_detail(project, entries, shown, status)), form
    anchors = ((_anchor(entry, project), entry.filename) for entry in shown)
    lines = format_html_join("\n", "<a{}>{}</a><br>", anchors)
    return _html(f"Links for {name}", lines, _status_lines(status)), _html_type(form)


def _project_detail(
    project: _Project, entries: list[FileEntry], shown: list[FileEntry], status: Status
) -> dict[str, Any]:
    reason = {"reason": status.reason} if status.reason else {}
    return {
        "name": project.name,
        "project-status": {"status": status.status} | reason,
        "versions": list(dict.fromkeys(entry.version for entry in entries)),
        "files": [_file_detail(entry, project) for entry in shown],
    }


def _status_lines(status: Status) -> SafeString:
    lines = [("pypi:project-status", status.status)]
    if status.reason:
        lines.append(("pypi:project-status-reason", status.reason))
    return format_html_join("", '<meta name="{}" content="{}">\n', lines)


def _file_detail(entry: FileEntry, project: _Project) -> dict[str, Any]:
    metadata = {"sha256": entry.metadata_sha256} if entry.metadata_sha256 else False
    detail: dict[str, Any] = {
        "filename": entry.filename,
        "url": entry.url,
        "hashes": {"sha256": entry.sha256},
        "size": entry.size,
        "upload-time": f"{entry.uploaded_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        # A reason of "" becomes true: PEP 592 wants a non-empty string or a bool.
        "yanked": False if entry.yanked is None else entry.yanked or True,
        "core-metadata": metadata,
        # PEP 714: the old names stay, with the same value; the second is the one PyPI misspelt.
        "dist-info-metadata": metadata,
        "data-dist-info-metadata": metadata,
    }
    if entry.requires_python:
        detail["requires-python"] = entry.requires_python
    if provenance := project.provenance_url(entry):
        detail["provenance"] = provenance
    return detail


def _anchor(entry: FileEntry, project: _Project) -> SafeString:
    attributes = {"href": f"{entry.url}#sha256={entry.sha256}"}
    if entry.requires_python:
        attributes["data-requires-python"] = entry.requires_python
    if entry.metadata_sha256:
        digest = f"sha256={entry.metadata_sha256}"
        attributes |= {"data-core-metadata": digest, "data-dist-info-metadata": digest}
    if provenance := project.provenance_url(entry):
        attributes["data-provenance"] = provenance
    if entry.yanked is not None:
        attributes["data-yanked"] = entry.yanked
    return format_html_join("", ' {}="{}"', attributes.items())


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps({"meta": {"api-version": API_VERSION}} | content).encode()


def _html(title: str, lines: SafeString, head: SafeString | str = "") -> bytes:
    return format_html(
        "<!DOCTYPE html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="pypi:repository-version" content="{}">\n{}<title>{}</title>\n</head>\n'
        "<body>\n<h1>{}</h1>\n{}\n</body>\n</html>\n",
        API_VERSION,
        head,
        title,
        title,
        lines,
    ).encode()


def _html_type(form: str) -> str:
    return "text/html; charset=utf-8" if form == negotiation.LEGACY_HTML else form
