"""The pages of the Simple API 1.4, in JSON (PEP 691, 700, 714) and HTML (PEP 503, 592, 629)."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from pkgindex.index import negotiation

API_VERSION = "1.4"
DIGEST_LENGTH = 16  # characters of the SHA-256 that stand in the URL of a file


@dataclass(frozen=True)
class ProjectEntry:
    """A line of the root page."""

    name: str
    normalized_name: str


@dataclass(frozen=True)
class FileEntry:
    """A line of a project page. `yanked` is None, or the reason, which may be empty (PEP 592)."""

    filename: str
    version: str
    sha256: str
    size: int
    uploaded_at: datetime
    requires_python: str = ""
    metadata_sha256: str = ""
    yanked: str | None = None

    @property
    def url(self) -> str:
        """Relative to the project page, so that it does not matter where the index is mounted."""
        return f"../../files/{self.sha256[:DIGEST_LENGTH]}/{quote(self.filename)}"


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


def render_project(name: str, files: Iterable[FileEntry], form: str) -> tuple[bytes, str]:
    """The page of the project *name* (normalized): body and content type."""
    entries = list(files)
    if form == negotiation.JSON:
        return _json(_project_detail(name, entries)), form
    lines = format_html_join("\n", "<a{}>{}</a><br>", ((_anchor(e), e.filename) for e in entries))
    return _html(f"Links for {name}", lines), _html_type(form)


def _project_detail(name: str, files: list[FileEntry]) -> dict[str, Any]:
    versions = list(dict.fromkeys(entry.version for entry in files))
    return {"name": name, "versions": versions, "files": [_file_detail(entry) for entry in files]}


def _file_detail(entry: FileEntry) -> dict[str, Any]:
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
    return detail


def _anchor(entry: FileEntry) -> SafeString:
    attributes = {"href": f"{entry.url}#sha256={entry.sha256}"}
    if entry.requires_python:
        attributes["data-requires-python"] = entry.requires_python
    if entry.metadata_sha256:
        digest = f"sha256={entry.metadata_sha256}"
        attributes |= {"data-core-metadata": digest, "data-dist-info-metadata": digest}
    if entry.yanked is not None:
        attributes["data-yanked"] = entry.yanked
    return format_html_join("", ' {}="{}"', attributes.items())


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps({"meta": {"api-version": API_VERSION}} | content).encode()


def _html(title: str, lines: SafeString) -> bytes:
    return format_html(
        "<!DOCTYPE html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="pypi:repository-version" content="{}">\n<title>{}</title>\n</head>\n'
        "<body>\n<h1>{}</h1>\n{}\n</body>\n</html>\n",
        API_VERSION,
        title,
        title,
        lines,
    ).encode()


def _html_type(form: str) -> str:
    return "text/html; charset=utf-8" if form == negotiation.LEGACY_HTML else form
