import re
from datetime import timedelta

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from licenses.generation import current_generation
from licenses.models import License, Tier, User
from licenses.status import lapse_license
from pkgindex.models import (
    Download,
    File,
    Project,
    Release,
    ReservedName,
    TrustedPublisher,
    UploadToken,
)
from pkgindex.upload_tokens import find_upload_token
from tests.make import make_credential
from tests.pkgindex.index_client import IndexClient
from tests.pkgindex.make import make_file, make_project, make_release, make_upload_token, url_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(settings) -> Client:
    settings.OWNER_NEEDS_SECOND_FACTOR = False
    client = Client()
    client.force_login(User.objects.create_superuser("owner@shop.example"))
    return client


def url(model: type, page: str, *args: int) -> str:
    return reverse(f"admin:pkgindex_{model.__name__.lower()}_{page}", args=args)


@pytest.mark.parametrize(
    "model", [Project, Release, File, Download, ReservedName, UploadToken, TrustedPublisher]
)
def test_every_list_opens_and_can_be_searched(owner: Client, pro: Tier, model: type):
    make_file(make_release(make_project(tiers=[pro])))
    make_upload_token()
    ReservedName.objects.create(normalized_name="hare")

    assert owner.get(url(model, "changelist")).status_code == 200
    assert owner.get(url(model, "changelist"), {"q": "hare"}).status_code == 200


def test_a_project_is_added_under_its_normalized_name(owner: Client, pro: Tier):
    answer = owner.post(
        url(Project, "add"), {"name": "Hare.Pro", "tiers": [pro.pk], "status": "active"}
    )

    assert answer.status_code == 302, answer.context["errors"]
    project = Project.objects.get()
    assert (project.name, project.normalized_name) == ("Hare.Pro", "hare-pro")
    assert list(project.tiers.all()) == [pro]


def test_what_a_project_is_granted_by_is_edited(owner: Client, pro: Tier, enterprise: Tier):
    project = make_project(tiers=[pro])

    owner.post(
        url(Project, "change", project.pk),
        {"is_public": "on", "tiers": [enterprise.pk], "status": "active"},
    )

    project.refresh_from_db()
    assert project.is_public
    assert list(project.tiers.all()) == [enterprise]


def test_a_release_is_yanked_with_a_reason(owner: Client):
    release = make_release(make_project())

    owner.post(
        url(Release, "change", release.pk),
        {"yanked_at_0": "2026-03-01", "yanked_at_1": "12:00", "yank_reason": "loses jobs"},
    )

    release.refresh_from_db()
    assert release.yank_reason == "loses jobs"
    assert release.yanked_at is not None


def test_a_reason_without_a_yank_is_refused_on_the_page(owner: Client):
    release = make_release(make_project())

    answer = owner.post(url(Release, "change", release.pk), {"yank_reason": "loses jobs"})

    assert "A reason needs the moment of the yank beside it." in answer.content.decode()


def test_nothing_published_is_deleted_or_edited(owner: Client):
    file = make_file(make_release(make_project()))

    for row in (file, file.release, file.release.project):
        assert owner.post(url(type(row), "delete", row.pk)).status_code == 403
    owner.post(url(File, "change", file.pk), {"filename": "other.whl", "sha256": "0" * 64})
    assert File.objects.values("filename", "sha256").get() == {
        "filename": file.filename,
        "sha256": file.sha256,
    }
    for model in (File, Release):
        assert owner.get(url(model, "add")).status_code == 403


def test_a_single_file_is_yanked_and_the_index_shows_it(owner: Client):
    file = make_file(make_release(make_project("hare", is_public=True)))

    owner.post(
        url(File, "change", file.pk),
        {"yanked_at_0": "2026-03-01", "yanked_at_1": "12:00", "yank_reason": "built wrong"},
    )

    (shown,) = IndexClient().page("/simple/hare/")["files"]
    assert shown["yanked"] == "built wrong"


def test_releases_are_yanked_and_offered_again_by_actions(owner: Client):
    release = make_release(make_project())
    chosen = {admin.helpers.ACTION_CHECKBOX_NAME: [release.pk]}

    owner.post(url(Release, "changelist"), {"action": "yank", **chosen})
    release.refresh_from_db()
    assert release.yanked_at is not None
    owner.post(url(Release, "changelist"), {"action": "unyank", **chosen})

    release.refresh_from_db()
    assert release.yanked_at is None


def test_a_status_is_set_with_its_reason(owner: Client):
    project = make_project()

    owner.post(
        url(Project, "change", project.pk),
        {"status": "deprecated", "status_reason": "use hare-cloud"},
    )

    project.refresh_from_db()
    assert (project.status, project.status_reason) == ("deprecated", "use hare-cloud")


def test_every_edit_of_the_catalog_raises_the_generation(owner: Client):
    release = make_release(make_project())
    edits: list[tuple[str, dict[str, str]]] = [
        (url(Project, "change", release.project.pk), {"is_public": "on", "status": "active"}),
        (url(Release, "change", release.pk), {"changelog": "Faster."}),
        (url(ReservedName, "add"), {"normalized_name": "taken"}),
    ]

    for page, fields in edits:
        before = current_generation()
        assert owner.post(page, fields).status_code == 302, page
        assert current_generation() > before, page
    reserved = ReservedName.objects.get()
    before = current_generation()
    owner.post(url(ReservedName, "delete", reserved.pk), {"post": "yes"})
    assert current_generation() > before


def test_a_token_is_shown_once_when_it_is_made(owner: Client):
    project = make_project()

    page = owner.post(
        url(UploadToken, "add"), {"name": "laptop", "projects": [project.pk]}, follow=True
    ).content.decode()

    shown = re.search(r"wb_up_\w+", page)
    assert shown is not None
    token = find_upload_token(shown[0], timezone.now())
    assert token is not None
    assert list(token.projects.all()) == [project]
    again = owner.get(url(UploadToken, "change", token.pk)).content.decode()
    assert shown[0] not in again
    assert token.digest not in again


def test_tokens_are_revoked_by_an_action(owner: Client):
    token, secret = make_upload_token()

    owner.post(
        url(UploadToken, "changelist"),
        {"action": "revoke", admin.helpers.ACTION_CHECKBOX_NAME: [token.pk]},
    )

    assert find_upload_token(secret, timezone.now()) is None


def test_a_trusted_publisher_is_added_never_changed_and_revoked(owner: Client):
    project = make_project()
    form = {
        "kind": "github",
        "repository": "hare/hare-pro/",
        "workflow": "release.yml",
        "projects": [project.pk],
    }

    answer = owner.post(url(TrustedPublisher, "add"), form)
    assert answer.status_code == 302, answer.context["errors"]
    publisher = TrustedPublisher.objects.get()
    assert publisher.issuer == "https://token.actions.githubusercontent.com"
    assert (publisher.repository, list(publisher.projects.all())) == ("hare/hare-pro", [project])
    assert owner.post(url(TrustedPublisher, "change", publisher.pk), form).status_code == 403

    chosen = {"action": "revoke", "_selected_action": [publisher.pk]}
    owner.post(url(TrustedPublisher, "changelist"), chosen)

    publisher.refresh_from_db()
    assert publisher.revoked_at is not None


def test_a_publisher_without_projects_is_refused_on_the_page(owner: Client):
    form = {"kind": "github", "repository": "hare/hare-pro", "workflow": "release.yml"}

    answer = owner.post(url(TrustedPublisher, "add"), form)

    assert answer.status_code == 200
    assert "projects" in answer.context["adminform"].form.errors
    assert not TrustedPublisher.objects.exists()


def test_a_backport_date_gives_a_release_to_lapsed_customers(owner: Client, license: License):
    now = timezone.now()
    project = make_project(tiers=[license.tier])
    file = make_file(make_release(project, released_at=now))
    License.objects.filter(pk=license.pk).update(updates_until=now - timedelta(days=30))
    lapse_license(license.pk, at=now, reason="test")
    lapsed = IndexClient(make_credential(license.customer)[1])
    assert lapsed.get(url_of(file)).status == 402

    day = f"{now - timedelta(days=31):%Y-%m-%d}"
    form = {"backported_to_0": day, "backported_to_1": "12:00"}
    owner.post(url(Release, "change", file.release_id), form)

    assert lapsed.get(url_of(file)).status == 200


def test_what_is_staged_is_released_by_an_action(owner: Client):
    release = make_release(make_project())
    Release.objects.filter(pk=release.pk).update(is_staged=True)

    owner.post(url(Release, "changelist"), {"action": "release", "_selected_action": [release.pk]})

    release.refresh_from_db()
    assert not release.is_staged
