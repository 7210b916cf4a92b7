from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from licenses.models import Tier
from pkgindex.models import Project, Release, ReservedName
from pkgindex.projects import define_project, open_project
from tests.pkgindex.make import make_project, make_release

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["Hare", "hare_pro", "hare.pro", "hare--pro"])
def test_the_database_holds_normalized_names_only(name: str):
    for model in (Project, ReservedName):
        with pytest.raises(IntegrityError), transaction.atomic():
            model.objects.create(normalized_name=name)


def test_a_project_is_one_however_it_is_spelled():
    first = open_project("Hare.Pro", at=timezone.now())

    again = open_project("hare_pro", at=timezone.now())

    assert again == first
    assert again.name == "Hare.Pro"


def test_a_new_project_is_for_nobody():
    project = open_project("hare", at=timezone.now())

    assert not project.is_public
    assert not project.tiers.exists()


def test_defining_a_project_again_makes_the_last_word_stand(pro: Tier, enterprise: Tier):
    define_project("hare", at=timezone.now(), tier_ids=[pro.pk], is_public=True)

    project = define_project("hare", at=timezone.now(), tier_ids=[enterprise.pk])

    assert list(project.tiers.all()) == [enterprise]
    assert not Project.objects.get().is_public


def test_a_version_is_once_in_a_project():
    project = make_project()
    make_release(project, "1.0")

    with pytest.raises(IntegrityError), transaction.atomic():
        make_release(project, "1.0")


def test_a_yank_reason_needs_a_yank():
    release = make_release(make_project())

    with pytest.raises(IntegrityError), transaction.atomic():
        Release.objects.filter(pk=release.pk).update(yank_reason="loses jobs")


def test_a_release_counts_from_the_earlier_of_its_two_moments():
    at = timezone.now()
    release = Release(released_at=at)

    assert release.counts_from == at
    release.backported_to = at - timedelta(days=9)
    assert release.counts_from == at - timedelta(days=9)
    release.backported_to = at + timedelta(days=9)
    assert release.counts_from == at


def test_a_reserved_name_is_normalized_in_the_admin():
    row = ReservedName(normalized_name="Hare_Cloud")

    row.full_clean()

    assert row.normalized_name == "hare-cloud"


def test_what_is_no_name_cannot_be_reserved():
    with pytest.raises(ValidationError):
        ReservedName(normalized_name="-").full_clean()
