"""While a deploy runs, the old code works on the new schema; a column may not stop its inserts."""

from collections.abc import Iterator

import pytest
from django.db import connection, migrations
from django.db.migrations.loader import MigrationLoader
from django.db.models import NOT_PROVIDED
from django.utils import timezone

from outbox.models import Mail

APPS = ["licenses", "outbox", "pkgindex", "support"]


def added_columns(app: str) -> Iterator[tuple[str, migrations.AddField]]:
    """What later migrations add to tables that were there before them."""
    for (label, name), migration in sorted(MigrationLoader(None).disk_migrations.items()):
        steps = migration.operations if label == app else []
        made = {step.name_lower for step in steps if isinstance(step, migrations.CreateModel)}
        for step in steps:
            if isinstance(step, migrations.AddField) and step.model_name_lower not in made:
                yield name, step


@pytest.mark.parametrize("app", APPS)
def test_a_new_column_may_be_empty_or_has_a_default_in_the_database(app: str):
    required = [
        f"{migration}: {step.model_name}.{step.name}"
        for migration, step in added_columns(app)
        if not step.field.null and step.field.db_default is NOT_PROVIDED
    ]

    assert required == []


@pytest.mark.django_db
def test_code_from_before_the_headers_queues_a_mail_on_the_new_schema():
    before = MigrationLoader(connection).project_state(("outbox", "0001_mail")).apps
    old_mail = before.get_model("outbox", "Mail")

    old_mail.objects.create(key="old", to=["a@b.example"], subject="s", body="b")

    mail = Mail.objects.get()
    assert (mail.headers, mail.message_id, mail.provider_id) == ({}, "", "")
    assert timezone.is_aware(mail.created_at)
