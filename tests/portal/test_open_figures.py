"""Figures that may be published tell of nobody."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from portal.figures.history import keep_metrics
from portal.figures.open import open_quarters, safe_sum
from tests.portal.money import START, make_payment, make_subscription


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([12345] * 10, 120_000),
        ([100] * 4, None),  # too few
        ([100, 100, 100, 100, 4000], None),  # the sum is one customer's
        ([30, 30, 30, 30, 30, -20], 130),  # who has his money back is none of the five
        ([100] * 5 + [-400], None),  # the sum is his who lost
        ([30] * 4 + [100, -60], None),  # what went back hides nobody
        ([300] * 5 + [-500] * 4, None),  # less than nothing came
        ([], None),
    ],
)
def test_a_published_sum_tells_of_nobody(values: list[int], shown: int | None):
    assert safe_sum(values) == shown


def test_quarters_to_publish_are_by_utc_and_empty_where_few_paid(catalog):
    last = datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC)
    for number in range(7):
        row = make_subscription(catalog["pro_yearly"])
        make_payment(row, 99500, last if number < 6 else last + timedelta(seconds=1))
    keep_metrics(last)

    found = open_quarters(last + timedelta(days=40))

    assert [one.name for one in found] == ["2026 Q1", "2026 Q2"]
    assert [one.revenue for one in found] == [600_000, None]
    assert [one.paying for one in found] == [5, None]
    assert [one.arr for one in found] == [700_000] * 2


def test_the_owner_takes_what_may_be_published(catalog, owner: Client):
    for _ in range(5):
        make_payment(make_subscription(catalog["pro_yearly"]), 99500, START)

    text = owner.get("/owner/business/open.csv").content.decode()

    assert text.splitlines() == [
        "quarter (UTC),revenue USD,who paid,ARR USD,customers",
        "2025 Q1,5000,5,,",
    ]
