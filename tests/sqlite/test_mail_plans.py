"""Years of mails lie in one table: what is asked each second must not go through their bytes."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.desk_inbox import waiting_mail
from support.privacy import prune_old_mail

pytestmark = pytest.mark.django_db


def plans_of_mail(sql: list[str]) -> list[str]:
    """How SQLite would read the mails for each of these queries."""
    plans = []
    with connection.cursor() as cursor:
        for one in sql:
            if 'FROM "support_inboundmail"' in one:
                cursor.execute(f"EXPLAIN QUERY PLAN {one}")
                plans += [row[3] for row in cursor.fetchall()]
    return plans


def test_looking_for_old_mail_reads_an_index_alone():
    with CaptureQueriesContext(connection) as asked:
        prune_old_mail(timezone.now())

    plans = plans_of_mail([one["sql"] for one in asked])
    assert any("USING COVERING INDEX mail_by_outcome" in plan for plan in plans), plans


def test_counting_the_inbox_reads_an_index_alone():
    with CaptureQueriesContext(connection) as asked:
        waiting_mail().count()

    plans = plans_of_mail([one["sql"] for one in asked])
    assert any("USING COVERING INDEX mail_by_outcome" in plan for plan in plans), plans
