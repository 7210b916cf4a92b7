from datetime import UTC, datetime
from typing import Any

import html5lib
import pytest

from pkgindex.index.negotiation import HTML, JSON, LEGACY_HTML
from pkgindex.index.pages import FileEntry, ProjectEntry, render_project, render_root
from tests.pkgindex.index_client import Reply

WHEN = datetime(2026, 3, 1, 12, 30, 5, 42, tzinfo=UTC)
WHEEL = FileEntry(
    filename="hare_pro-1.0+local-py3-none-any.whl",
    version="1.0+local",
    sha256="ab" * 32,
    size=1234,
    uploaded_at=WHEN,
    requires_python=">=3.9,<4",
    metadata_sha256="cd" * 32,
)
SDIST = FileEntry(
    filename="hare_pro-1.0.tar.gz", version="1.0", sha256="ef" * 32, size=99, uploaded_at=WHEN
)


def as_json(*files: FileEntry) -> dict[str, Any]:
    body, content_type = render_project("hare-pro", files, JSON)
    assert content_type == JSON
    return Reply(200, "", {}, body).json()


def anchors(body: bytes) -> list[dict[str, str]]:
    """The attributes of every link; the page must be valid HTML5."""
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(body)
    return [dict(link.attrib) | {"text": link.text} for link in tree.iter("a")]


def test_a_wheel_has_every_key_of_the_simple_api():
    page = as_json(WHEEL)

    assert page["meta"] == {"api-version": "1.4"}
    assert page["name"] == "hare-pro"
    assert page["versions"] == ["1.0+local"]
    assert page["files"] == [
        {
            "filename": "hare_pro-1.0+local-py3-none-any.whl",
            "url": "../../files/abababababababab/hare_pro-1.0%2Blocal-py3-none-any.whl",
            "hashes": {"sha256": "ab" * 32},
            "size": 1234,
            "upload-time": "2026-03-01T12:30:05.000042Z",
            "requires-python": ">=3.9,<4",
            "yanked": False,
            "core-metadata": {"sha256": "cd" * 32},
            "dist-info-metadata": {"sha256": "cd" * 32},
            "data-dist-info-metadata": {"sha256": "cd" * 32},
        }
    ]


def test_an_sdist_has_no_metadata_and_no_requires_python():
    (file,) = as_json(SDIST)["files"]

    assert file["core-metadata"] is False
    assert "requires-python" not in file


def test_each_version_is_listed_once():
    assert as_json(SDIST, SDIST, WHEEL)["versions"] == ["1.0", "1.0+local"]


@pytest.mark.parametrize(
    ("yanked", "in_json", "in_html"),
    [(None, False, None), ("", True, ""), ('a <b> & "c"', 'a <b> & "c"', 'a <b> & "c"')],
)
def test_a_yank_is_told_with_its_reason(yanked, in_json, in_html):
    entry = FileEntry("hare-1.0.tar.gz", "1.0", "ef" * 32, 1, WHEN, yanked=yanked)

    (file,) = as_json(entry)["files"]
    (link,) = anchors(render_project("hare", [entry], HTML)[0])

    assert file["yanked"] == in_json
    assert link.get("data-yanked") == in_html


def test_a_link_carries_digest_metadata_and_python():
    (link,) = anchors(render_project("hare-pro", [WHEEL], LEGACY_HTML)[0])

    assert link == {
        "text": WHEEL.filename,
        "href": "../../files/abababababababab/hare_pro-1.0%2Blocal-py3-none-any.whl"
        f"#sha256={'ab' * 32}",
        "data-requires-python": ">=3.9,<4",
        "data-core-metadata": f"sha256={'cd' * 32}",
        "data-dist-info-metadata": f"sha256={'cd' * 32}",
    }


def test_html_names_its_version_and_types():
    body, content_type = render_project("hare", [], LEGACY_HTML)

    assert b'<meta name="pypi:repository-version" content="1.4">' in body
    assert content_type == "text/html; charset=utf-8"
    assert render_project("hare", [], HTML)[1] == HTML


def test_the_root_lists_names_and_links():
    projects = [ProjectEntry("Hare.Pro", "hare-pro")]

    body, _ = render_root(projects, JSON)
    (link,) = anchors(render_root(projects, HTML)[0])

    assert Reply(200, "", {}, body).json() == {
        "meta": {"api-version": "1.4"},
        "projects": [{"name": "Hare.Pro"}],
    }
    assert link == {"href": "hare-pro/", "text": "Hare.Pro"}
