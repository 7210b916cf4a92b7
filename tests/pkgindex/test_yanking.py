"""Yank, unyank, and the status of a project."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from licenses.models import Tier
from pkgindex.models import File
from pkgindex.projects import set_project_status
from tests.pkgindex.index_client import IndexClient
from tests.pkgindex.make import make_file, make_project, make_release, make_upload_token, url_of
from tests.pkgindex.uploader import Uploader

pytestmark = pytest.mark.django_db


@pytest.fixture
def file() -> File:
    return make_file(make_release(make_project("hare", is_public=True)))


def shown_yank(stranger: IndexClient) -> object:
    (file,) = stranger.page("/simple/hare/")["files"]
    return file["yanked"]


def yank(*arguments: str) -> str:
    said = StringIO()
    call_command("yank", *arguments, stdout=said)
    return said.getvalue()


def test_a_release_is_yanked_and_offered_again_by_command(stranger: IndexClient, file: File):
    assert yank("Hare", "1.0.0", "--reason", "loses jobs") == "hare 1.0 is yanked.\n"
    assert shown_yank(stranger) == "loses jobs"
    assert stranger.get(url_of(file)).status == 200  # a pinned install still works (PEP 592)

    assert yank("hare", "1.0", "--undo") == "hare 1.0 is offered again.\n"

    assert shown_yank(stranger) is False


def test_one_file_is_yanked_by_command(stranger: IndexClient, file: File):
    yank("hare", "1.0", "--file", file.filename)
    assert shown_yank(stranger) is True

    yank("hare", "1.0", "--file", file.filename, "--undo")

    assert shown_yank(stranger) is False


def test_a_file_yanked_with_its_release_shows_its_own_reason(stranger: IndexClient, file: File):
    yank("hare", "1.0", "--reason", "loses jobs")
    yank("hare", "1.0", "--file", file.filename, "--reason", "built wrong")
    assert shown_yank(stranger) == "built wrong"

    yank("hare", "1.0", "--file", file.filename, "--undo")

    assert shown_yank(stranger) == "loses jobs"


def test_told_twice_the_first_moment_stands_and_the_last_reason(file: File):
    yank("hare", "1.0", "--reason", "first")
    file.release.refresh_from_db()
    first = file.release.yanked_at

    yank("hare", "1.0", "--reason", "second")

    file.release.refresh_from_db()
    assert (file.release.yanked_at, file.release.yank_reason) == (first, "second")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["hare", "2.0"], "There is no release 2.0 of hare."),
        (["other", "1.0"], "There is no release 1.0 of other."),
        (["hare", "x y"], "Invalid version: 'x y'"),
        (["hare", "1.0", "--file", "a.whl"], "hare 1.0 has no file a.whl, only hare-1.0"),
    ],
)
def test_what_is_not_there_is_said(file: File, arguments: list[str], sentence: str):
    with pytest.raises(CommandError, match=sentence.replace(".", r"\.")):
        yank(*arguments)


# --- the status of a project (PEP 792) --------------------------------------------------------


@pytest.mark.parametrize("status", ["active", "deprecated", "archived"])
def test_a_status_is_shown_and_takes_no_file_away(stranger: IndexClient, file: File, status: str):
    set_project_status(file.release.project_id, status, reason="use <hare-pro>")

    page = stranger.page("/simple/hare/")
    html = stranger.get("/simple/hare/", accept="text/html").text

    assert page["project-status"] == {"status": status, "reason": "use <hare-pro>"}
    assert f'<meta name="pypi:project-status" content="{status}">' in html
    assert '<meta name="pypi:project-status-reason" content="use &lt;hare-pro&gt;">' in html
    assert len(page["files"]) == 1
    assert stranger.get(url_of(file)).status == 200


def test_a_quarantined_project_offers_no_file(stranger: IndexClient, file: File):
    set_project_status(file.release.project_id, "quarantined", reason="malware report")

    page = stranger.page("/simple/hare/")

    assert page["versions"] == ["1.0"]
    assert page["files"] == []
    assert "<a " not in stranger.get("/simple/hare/", accept="text/html").text
    assert stranger.get("/pypi/hare/json").json()["urls"] == []
    for url in (url_of(file), f"{url_of(file)}.metadata"):
        reply = stranger.get(url)
        assert (reply.status, reply.reason) == (403, "hare is quarantined: malware report")


@pytest.mark.parametrize("status", ["archived", "quarantined"])
def test_a_project_that_is_closed_takes_no_upload(pro: Tier, status: str):
    project = make_project(tiers=[pro])
    set_project_status(project.pk, status)

    said = Uploader(make_upload_token()[1]).wheel("hare-pro", "3.0")

    assert (said.status, said.reason) == (
        403,
        f"Project 'hare-pro' is {status}: it takes no uploads.",
    )
    assert not File.objects.exists()
