"""The owner's pages with 2,000 customers: right to the cent, and as cheap as with twenty."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.models import Price
from licenses.models import Product
from portal.figures.history import keep_metrics
from tests.portal.many import sell_to_many
from tests.portal.reading import text_of

AT = datetime(2026, 10, 20, 12, tzinfo=UTC)
MOST_QUERIES = 12
MOST_BYTES = 60_000
PAGES = (
    "business/",
    "business/arr/",
    "business/arr/?page=2",
    "business/cash/",
    "business/offers/",
    "business/support/",
    "business/customers/",
    "business/customers/?page=2",
    "business/renewals/",
    "business/deferred/",
    "business/installs/",
    "business/recomputed/",
    "business/moved/2026-10/",
    "business/moved/2026-07/",
    "catalog/",
    "catalog/products/{hare}/close/",
    "tickets/",
)


@pytest.fixture
def today(time_machine) -> None:
    time_machine.move_to(AT, tick=False)


def costs(owner: Client) -> dict[str, tuple[int, int]]:
    """path → (queries, bytes)."""
    found = {}
    hare = Product.objects.get(slug="hare").pk
    for path in PAGES:
        with CaptureQueriesContext(connection) as queries:
            answer = owner.get("/owner/" + path.format(hare=hare))
        assert answer.status_code == 200
        found[path] = (len(queries), len(answer.content))
    return found


def test_the_dashboard_says_what_was_worked_out_by_hand(
    owner: Client, catalog: dict[str, Price], today
):
    """Scenario 25: the fixture of 2,000 customers, from its rows to the page."""
    sell_to_many(catalog, AT)

    shown = text_of(owner)

    for figure in (
        "ARR $2,335,760 ",
        "MRR $194,646.67 ",
        "Customers 2,000 ",
        "Each $1,167.88 ",
        "Largest 0.86% ",
        "Largest 5 4.28% ",
        "Largest 10 4.97% ",
        "As many as 1,101 ",
    ):
        assert figure in shown
    pages = [text_of(owner, f"/owner/business/arr/?page={page}") for page in range(1, 21)]
    rows = [re.findall(r"by the (?:month|year) \$([\d,]+)", page) for page in pages]
    assert {len(found) for found in rows} == {100}
    assert sum(int(cents.replace(",", "")) for found in rows for cents in found) == 2_335_760
    assert all("Sum of all 2000 $2,335,760" in page for page in pages)


def test_no_page_of_the_owners_asks_or_weighs_more_for_two_thousand(
    owner: Client, catalog: dict[str, Price], today
):
    keep_metrics(AT - timedelta(days=15))  # of nobody: all that follow moved, and differ from it
    sell_to_many(catalog, AT, of=100)
    few = costs(owner)
    sell_to_many(catalog, AT)

    many = costs(owner)

    assert {path: queries for path, (queries, _) in many.items()} == {
        path: queries for path, (queries, _) in few.items()
    }
    assert max(queries for queries, _ in many.values()) <= MOST_QUERIES
    assert {path: size for path, (_, size) in many.items() if size > MOST_BYTES} == {}


def test_a_page_of_rows_that_is_not_there_is_the_nearest(
    owner: Client, catalog: dict[str, Price], today
):
    sell_to_many(catalog, AT, of=10)

    for wrong, rows in (
        ("0", "Rows 101 to 200"),
        ("99", "Rows 101 to 200"),
        ("x", "Rows 1 to 100"),
    ):
        assert rows in text_of(owner, f"/owner/business/arr/?page={wrong}")
