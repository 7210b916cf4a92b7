"""The database is not the snapshot's: it was lost, or its backup took its place."""

from datetime import timedelta

import pytest
from django.utils import timezone

from licenses.generation import current_generation, raise_generation
from licenses.models import Generation, License, Tier
from pkgindex.models import File, Project, Release, ReservedName
from pkgindex.snapshot import Emptied, repair_snapshot, snapshot_path
from tests.make import make_credential
from tests.pkgindex.index_client import IndexClient
from tests.pkgindex.make import make_file, make_project, make_release, url_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def wheel_url(pro: Tier) -> str:
    return url_of(make_file(make_release(make_project(tiers=[pro]))))


def delete_projects() -> None:
    for model in (File, Release, Project):
        model.objects.all().delete()


def lose_the_database() -> None:
    """What `migrate` makes where the file was."""
    delete_projects()
    Generation.objects.all().delete()


def test_an_empty_database_does_not_empty_the_index(license: License, wheel_url: str):
    _, key = make_credential(license.customer)
    client = IndexClient(key)
    assert client.get_as_exported(wheel_url).status == 200
    lose_the_database()

    with pytest.raises(Emptied, match=r"has no project, the snapshot .* has 1, .* restore"):
        repair_snapshot(timezone.now())

    assert client.get_as_exported(wheel_url).status == 200
    assert client.get_as_exported("/simple/hare-pro/").status == 200


def test_whoever_wants_an_empty_index_deletes_the_file(wheel_url: str, stranger: IndexClient):
    repair_snapshot(timezone.now())
    lose_the_database()

    snapshot_path().unlink()

    assert repair_snapshot(timezone.now()) == 1
    assert stranger.get_as_exported("/simple/hare-pro/").status == 404


def test_however_much_happens_in_an_empty_database_it_does_not_empty_the_index(
    license: License, wheel_url: str, stranger: IndexClient
):
    """Stripe's purchases come back one by one, each with a number, before the owner looks."""
    _, key = make_credential(license.customer)
    assert IndexClient(key).get_as_exported(wheel_url).status == 200
    number = current_generation()
    lose_the_database()

    while current_generation() <= number:
        raise_generation()

    assert IndexClient(key).get_as_exported(wheel_url).status == 200
    assert stranger.get_as_exported("/simple/hare-pro/").status == 401


def test_what_is_published_in_an_empty_database_gives_no_other_name_away(
    wheel_url: str, stranger: IndexClient
):
    ReservedName.objects.create(normalized_name="hare-cloud")
    raise_generation()
    number = current_generation()
    lose_the_database()
    ReservedName.objects.all().delete()
    while current_generation() <= number:
        raise_generation()

    make_project("hare")

    for name in ("hare", "hare-pro", "hare-cloud"):
        assert stranger.get_as_exported(f"/simple/{name}/").status == 401


def test_a_name_published_after_the_backup_is_never_passed_on(
    wheel_url: str, stranger: IndexClient, caplog: pytest.LogCaptureFixture
):
    raise_generation()
    backup = current_generation()
    make_project("hare-new")
    raise_generation()
    assert stranger.get_as_exported("/simple/hare-new/").status == 401
    Project.objects.filter(normalized_name="hare-new").delete()
    Generation.objects.update(number=backup)

    repair_snapshot(timezone.now())

    assert stranger.get_as_exported("/simple/hare-new/").status == 401
    assert ReservedName.objects.get().normalized_name == "hare-new"
    assert "not known to this database, and reserved now: hare-new" in caplog.text
    repair_snapshot(timezone.now() + timedelta(hours=2))
    assert stranger.get_as_exported("/simple/hare-new/").status == 401


def test_a_name_reserved_after_the_backup_is_never_passed_on(wheel_url: str, stranger: IndexClient):
    ReservedName.objects.create(normalized_name="hare-labs")
    backup = current_generation()
    ReservedName.objects.filter(normalized_name="hare-labs").update(is_prefix=True)
    ReservedName.objects.create(normalized_name="hare-cloud")
    raise_generation()
    ReservedName.objects.filter(normalized_name="hare-labs").update(is_prefix=False)
    ReservedName.objects.filter(normalized_name="hare-cloud").delete()
    Generation.objects.update(number=backup)

    repair_snapshot(timezone.now())

    assert stranger.get_as_exported("/simple/hare-cloud/").status == 401
    assert stranger.get_as_exported("/simple/hare-labs-one/").status == 401


def test_a_name_is_given_up_by_the_owners_hand(wheel_url: str, stranger: IndexClient):
    """The database is no older than the snapshot, so it was meant."""
    name = ReservedName.objects.create(normalized_name="hare-cloud")
    raise_generation()
    assert stranger.get_as_exported("/simple/hare-cloud/").status == 401

    name.delete()
    raise_generation()

    assert stranger.get_as_exported("/simple/hare-cloud/").status == 404
