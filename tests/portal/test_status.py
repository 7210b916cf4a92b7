"""How we are, as data; and a product's own page."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from licenses.models import Product
from outbox.models import Mail
from pkgindex.snapshot import export_snapshot
from portal.figures.history import keep_metrics
from tests.make import make_tier
from tests.pkgindex.make import make_project, make_release

pytestmark = pytest.mark.django_db


def status() -> dict[str, object]:
    answer: dict[str, object] = Client().get("/status.json").json()
    return answer


def test_a_house_without_work_is_well_and_tells_of_nobody():
    export_snapshot()

    assert {**status(), "at": ""} == {
        "state": "ok", "at": "", "worker_behind_s": 0, "index_is_current": True,
    }  # fmt: skip


def test_what_is_due_for_minutes_and_was_never_tried_says_that_nobody_works():
    due_at = timezone.now() - timedelta(minutes=6)
    row = Mail.objects.create(key="k", to=["a@example.com"], subject="s", body="b", due_at=due_at)

    assert status()["state"] == "late"
    Mail.objects.filter(pk=row.pk).update(attempts=1)  # the mail server's trouble, not the worker's
    assert status()["state"] == "ok"


def test_a_night_without_its_snapshot_says_so_too(time_machine):
    night = datetime(2026, 3, 2, 0, 1, tzinfo=UTC)
    keep_metrics(night - timedelta(days=1))
    time_machine.move_to(night)
    assert status()["state"] == "ok"

    time_machine.move_to(night + timedelta(minutes=9))
    assert status()["worker_behind_s"] == 600
    keep_metrics(night)
    assert status()["state"] == "ok"


def test_a_product_has_a_page_with_the_owners_words(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    (tmp_path / "texts").mkdir()
    tier = make_tier()
    release = make_release(make_project("hare-pro", tiers=[tier]), "1.2")
    plain = Client().get("/products/hare/").content.decode()
    (tmp_path / "texts" / "product-hare.md").write_text("It **runs** jobs.")

    shown = Client().get("/products/hare/").content.decode()

    assert "It <strong>runs</strong> jobs." in shown
    assert "runs" not in plain
    assert str(release) in shown
    for status_of in (Product.Status.DRAFT, Product.Status.RETIRED):
        Product.objects.update(status=status_of)
        assert Client().get("/products/hare/").status_code == 404
