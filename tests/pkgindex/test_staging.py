"""Releases that wait for the owner's hand."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from licenses.generation import current_generation
from licenses.models import License, Tier
from licenses.status import lapse_license
from pkgindex.models import File, Release
from pkgindex.staging import release_staged
from tests.make import make_credential
from tests.pkgindex.index_client import IndexClient
from tests.pkgindex.make import make_project, url_of
from tests.pkgindex.uploader import Uploader

pytestmark = pytest.mark.django_db


@pytest.fixture
def staged(uploader: Uploader, pro: Tier, settings: Any) -> Release:
    """Version 2.0 of a project that has a version 1.0."""
    make_project("hare-pro", tiers=[pro])
    assert uploader.wheel("hare-pro", "1.0").body == (
        "hare_pro-1.0-py3-none-any.whl is published.\n"
    )
    settings.STAGE_RELEASES = True
    assert uploader.wheel("hare-pro", "2.0").body == "hare_pro-2.0-py3-none-any.whl is staged.\n"
    assert uploader.sdist("hare-pro", "2.0").status == 200
    return Release.objects.get(version="2.0")


def test_a_staged_release_is_seen_by_nobody(staged: Release, holder: IndexClient):
    file = staged.files.get(packagetype=File.Type.WHEEL)

    assert holder.page("/simple/hare-pro/")["versions"] == ["1.0"]
    assert holder.get("/pypi/hare-pro/json").json()["info"]["version"] == "1.0"
    assert holder.get(url_of(file)).status == 404
    assert holder.get(f"{url_of(file)}.metadata").status == 404


def test_a_release_is_offered_whole_from_the_click_on(staged: Release, holder: IndexClient):
    at = timezone.now() + timedelta(hours=1)

    assert release_staged(staged.pk, at=at)
    assert not release_staged(staged.pk, at=at + timedelta(days=1))

    page = holder.page("/simple/hare-pro/")
    assert [file["filename"] for file in page["files"]] == [
        "hare_pro-1.0-py3-none-any.whl",
        "hare_pro-2.0-py3-none-any.whl",
        "hare_pro-2.0.tar.gz",
    ]
    staged.refresh_from_db()
    assert staged.released_at == at


def test_the_click_decides_who_is_entitled(staged: Release, license: License):
    """Whose license ended between upload and release does not have it."""
    now = timezone.now()
    License.objects.filter(pk=license.pk).update(updates_until=now + timedelta(minutes=1))
    lapse_license(license.pk, at=now, reason="test")
    lapsed = IndexClient(make_credential(license.customer)[1])

    release_staged(staged.pk, at=now + timedelta(minutes=2))

    assert lapsed.get(url_of(staged.files.get(packagetype="bdist_wheel"))).status == 402


def test_a_staged_file_keeps_its_name_and_takes_the_same_bytes_again(
    staged: Release, uploader: Uploader
):
    assert uploader.wheel("hare-pro", "2.0").status == 200
    assert staged.files.count() == 2


def test_what_was_released_is_no_change(staged: Release):
    release_staged(staged.pk, at=timezone.now())
    before = current_generation()

    release_staged(staged.pk, at=timezone.now())

    assert current_generation() == before
