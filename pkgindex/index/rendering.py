"""The pages of a snapshot: what the application sends, and what the static export writes."""

from pkgindex.index import pages
from pkgindex.index.coverage import Coverage, Shelf
from pkgindex.index.kept import Page
from pkgindex.index.legacy_json import render_legacy_json
from pkgindex.index.pages import seen_by
from pkgindex.index.snapshot import Snapshot


def root_page(snapshot: Snapshot, form: str, coding: str, *, only_public: bool) -> Page:
    projects = snapshot.list_projects(only_public=only_public)
    return Page(*pages.render_root(projects, form), coding)


def project_page(
    snapshot: Snapshot, shelf: Shelf, coverage: Coverage, form: str, coding: str
) -> Page:
    entries = seen_by(snapshot.list_files(shelf), coverage)
    status = pages.Status(shelf.status, shelf.status_reason)
    page = pages.render_project(
        shelf.normalized_name, entries, form, status, base_url=snapshot.base_url
    )
    return Page(*page, coding)


def legacy_page(snapshot: Snapshot, shelf: Shelf, coverage: Coverage, coding: str) -> Page:
    entries = seen_by(snapshot.list_files(shelf), coverage)
    body = render_legacy_json(shelf, entries, snapshot.base_url)
    return Page(body, "application/json", coding)


def needs_key(snapshot: Snapshot) -> str:
    """What a stranger is told about whatever is not public."""
    return f"This needs a key; see {snapshot.base_url}/pricing/"


def quarantine(shelf: Shelf) -> str:
    """Why nobody gets a file of the project; "" if it is not quarantined."""
    if shelf.status != "quarantined":
        return ""
    why = f": {shelf.status_reason}" if shelf.status_reason else ""
    return f"{shelf.name} is quarantined{why}"
