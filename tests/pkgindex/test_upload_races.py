"""Several uploads at once: one wins, the others are told, and nothing is doubled."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from licenses.models import Generation
from pkgindex.models import File, Project, Release, UploadToken, UsedFilename
from tests.pkgindex.make import make_project, make_upload_token
from tests.pkgindex.uploader import Said, Uploader
from tests.pkgindex.wheels import build_wheel, metadata_text

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 6


def at_once(upload: Callable[[int], Said]) -> list[Said]:
    def run(number: int) -> Said:
        try:
            return upload(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, range(AT_ONCE)))


def stored_files() -> int:
    return sum(path.is_file() for path in Path(default_storage.path("")).rglob("*"))


def test_of_different_bytes_for_one_name_exactly_one_is_published():
    uploader = Uploader(make_upload_token()[1])
    wheels = [
        build_wheel("hare", "1.0", metadata_text("hare", "1.0").replace("A test", f"Test {number}"))
        for number in range(AT_ONCE)
    ]

    said = at_once(lambda number: uploader.wheel("hare", "1.0", wheels[number]))

    assert sorted(answer.status for answer in said) == [200] + [400] * (AT_ONCE - 1)
    assert File.objects.count() == UsedFilename.objects.count() == 1


def test_the_same_bytes_at_once_are_published_once():
    uploader = Uploader(make_upload_token()[1])

    said = at_once(lambda _: uploader.wheel("hare", "1.0"))

    assert {answer.status for answer in said} <= {200, 503}, said
    assert 200 in {answer.status for answer in said}
    assert File.objects.count() == 1
    assert stored_files() == 2  # the wheel and its metadata


def test_files_of_one_new_release_make_one_project_and_one_release():
    uploader = Uploader(make_upload_token()[1])

    said = at_once(
        lambda number: uploader.wheel("hare", "1.0", filename=f"hare-1.0-{number}-py3-none-any.whl")
    )

    assert [answer.status for answer in said] == [200] * AT_ONCE, said
    assert Project.objects.count() == Release.objects.count() == 1
    assert File.objects.count() == AT_ONCE


@pytest.mark.parametrize("is_known", [True, False])
def test_what_uploads_share_is_locked_in_one_order(is_known: bool):
    """Else one of a new project and one of a known one, with one token, would wait for each other
    for ever, and PostgreSQL would end one of them.
    """
    if is_known:
        make_project("hare")
    uploader = Uploader(make_upload_token()[1])

    with CaptureQueriesContext(connection) as asked:
        assert uploader.wheel("hare", "1.0").status == 200

    updates = [query["sql"] for query in asked if query["sql"].startswith("UPDATE")]
    tables = [model._meta.db_table for model in (Generation, UploadToken)]
    first = [min(n for n, sql in enumerate(updates) if table in sql) for table in tables]
    assert first == sorted(first)
