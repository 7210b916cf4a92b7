"""Receipts: with the buyer's details on old and new ones, and a year's in one file."""

import io
import re
import zipfile
from datetime import UTC, datetime

import pytest
from django.test import Client

from billing.models import Payment, Refund, Subscription
from licenses.models import User
from tests.make import make_customer
from tests.shop import Buyer, Shop

pytestmark = pytest.mark.django_db
DETAILS = {
    "legal_name": "Company GmbH & Co",
    "address": "Street 1\nBerlin",
    "tax_id": "DE123456789",
    "purchase_order": "PO-77",
}


@pytest.fixture
def paid(shop: Shop) -> Payment:
    Buyer(shop).buy("pro_monthly")
    return Payment.objects.get()


@pytest.fixture
def client(paid: Payment) -> Client:
    return signed_in()


def signed_in() -> Client:
    client = Client()
    client.force_login(User.objects.get(email="dev@company.example"))
    return client


@pytest.fixture
def path(paid: Payment) -> str:
    return f"/account/{paid.subscription.customer_id}/receipts/"


def test_an_old_receipt_carries_details_that_came_later(client: Client, paid: Payment, path: str):
    before = client.get(f"{path}{paid.pk}/").content.decode()

    client.post(path, DETAILS)

    after = client.get(f"{path}{paid.pk}/").content.decode()
    for text in ("Company GmbH &amp; Co", "Street 1<br>Berlin", "DE123456789", "PO-77"):
        assert text in after
        assert text not in before
    for page in (before, after):
        assert "<strong>$99</strong>" in page
        assert f'href="{paid.invoice_url}"' in page  # the original stays


def test_details_that_are_too_long_are_refused_beside_the_field(client: Client, path: str):
    answer = client.post(path, {**DETAILS, "tax_id": "1" * 81})

    assert answer.status_code == 422
    assert "at most 80 characters" in answer.content.decode()


def test_a_year_comes_as_a_zip_with_a_page_for_each_and_a_table(
    client: Client, paid: Payment, path: str, shop: Shop
):
    client.post(path, DETAILS)
    shop.advance(days=32)
    shop.settle()
    year = paid.paid_at.year
    in_year = Payment.objects.filter(paid_at__year=year).count()

    answer = signed_in().get(f"{path}{year}.zip")

    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        names = archive.namelist()
        table = archive.read("receipts.csv").decode()
        page = archive.read(names[0]).decode()
    assert len(names) == in_year + 1
    assert "Company GmbH &amp; Co" in page
    assert table.splitlines()[0].startswith("date,number,product,amount")
    assert table.count(",99.00,0.00,USD,DE123456789,PO-77") == in_year


@pytest.mark.parametrize("year", ["1999", "2000", "9999"])
def test_a_year_without_a_payment_has_no_zip(client: Client, path: str, year: str):
    assert client.get(f"{path}{year}.zip").status_code == 404


def test_what_went_back_stands_on_the_receipt(client: Client, paid: Payment, path: str):
    Refund.objects.create(
        stripe_id="re_1", payment=paid, amount_cents=4900, status="succeeded",
        created_at=datetime(2026, 5, 6, tzinfo=UTC),
    )  # fmt: skip
    Refund.objects.create(
        stripe_id="re_2", payment=paid, amount_cents=5000, status="failed",
        created_at=datetime(2026, 5, 7, tzinfo=UTC),
    )  # fmt: skip

    page = client.get(f"{path}{paid.pk}/").content.decode()

    assert "6 May 2026" in page
    assert "7 May 2026" not in page
    assert re.search(r"Refunded in all</th><td>\$49<", page)


def test_another_customers_receipts_are_not_there(client: Client, paid: Payment, path: str):
    other = make_customer()
    mine = f"/account/{other.pk}/receipts/"
    assert client.get(mine).status_code == 404

    stranger = Client()
    stranger.force_login(User.objects.get(email=other.contacts.get().email))

    assert stranger.get(mine).status_code == 200
    for one in (path, f"{path}{paid.pk}/", f"{path}{paid.paid_at.year}.zip", f"{mine}{paid.pk}/"):
        assert stranger.get(one).status_code == 404


def test_many_receipts_take_as_many_queries_as_one(
    client: Client, paid: Payment, path: str, django_assert_max_num_queries
):
    subscription = Subscription.objects.get()
    for number in range(30):
        Payment.objects.create(
            stripe_id=f"pi_{number}", invoice_id=f"in_{number}", subscription=subscription,
            amount_cents=9900, currency="usd", paid_at=paid.paid_at,
        )  # fmt: skip

    with django_assert_max_num_queries(7):
        client.get(path)
    with django_assert_max_num_queries(7):
        client.get(f"{path}{paid.paid_at.year}.zip")
