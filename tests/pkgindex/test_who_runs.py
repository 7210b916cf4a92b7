"""Which customers still run what is old."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from licenses.models import Customer
from pkgindex.models import Download, File
from tests.make import make_customer
from tests.pkgindex.make import make_file, make_project, make_release

pytestmark = pytest.mark.django_db

TODAY = timezone.now().date()


def who_runs(*arguments: Any) -> str:
    out = StringIO()
    call_command("who_runs", *arguments, stdout=out)
    return out.getvalue()


def fetch(customer: Customer | None, file: File, *, days_ago: int = 1) -> None:
    day = TODAY - timedelta(days=days_ago)
    Download.objects.create(day=day, file=file, customer=customer, client="uv/0.13", count=3)


def test_customers_are_named_who_have_nothing_newer():
    project = make_project("hare-pro")
    old, newer, newest = (
        make_file(make_release(project, version)) for version in ("3.0", "3.1", "3.10")
    )
    behind, current, gone = make_customer(), make_customer(), make_customer()
    fetch(behind, old)
    fetch(behind, newer, days_ago=3)
    fetch(current, old)
    fetch(current, newest)
    fetch(gone, old, days_ago=200)
    fetch(None, old)

    said = who_runs("Hare.Pro", "--before", "3.9")

    assert said == (
        f"{behind.name} (no. {behind.pk}): 3.1, last fetched {TODAY - timedelta(days=3)}\n"
    )
    assert who_runs("hare-pro", "--before", "3.1") == ""
    assert f"(no. {gone.pk})" in who_runs("hare-pro", "--before", "3.1", "--days", "365")


@pytest.mark.parametrize(("project", "before"), [("hare-pro", "x y"), ("unknown", "1.0")])
def test_what_cannot_be_asked_is_said(project: str, before: str):
    make_project("hare-pro")

    with pytest.raises(CommandError):
        who_runs(project, "--before", before)
