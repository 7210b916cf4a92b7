"""What each page may cost: queries for us, bytes and requests for whoever opens it."""

from pathlib import Path

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.models import Payment, Subscription
from licenses.models import License, User
from tests.shop import Buyer, Shop
from tests.support.desk import make_conversation

MOST_QUERIES = 12
MOST_BYTES = 60_000
MOST_BYTES_OF_STYLE = 12_000
PUBLIC = (
    "/",
    "/pricing/",
    "/buying/",
    "/products/hare/",
    "/products/hare/changelog/",
    "/products/hare/changelog.atom",
    "/license/",
    "/diagnose/",
    "/status.json",
    "/account/login/code/",
)
OF_THE_ACCOUNT = (
    "/account/",
    "/account/{customer}/receipts/",
    "/account/{customer}/receipts/{payment}/",
    "/account/{customer}/people/",
    "/account/{customer}/usage/",
    "/account/{customer}/close/",
    "/account/address/",
    "/account/licenses/{license}/document/",
    "/account/licenses/{license}/threads/",
    "/account/subscriptions/{subscription}/change/",
    "/account/subscriptions/{subscription}/refund/",
    "/account/tickets/",
    "/account/tickets/{ticket}/",
)


def cost(client: Client, path: str) -> tuple[int, int]:
    """(queries, bytes) of the second look: the first fills what is kept."""
    client.get(path)
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path)
    assert answer.status_code == 200, path
    return len(queries), len(answer.content)


def assert_cheap(costs: dict[str, tuple[int, int]]) -> None:
    assert {path: one for path, (one, _) in costs.items() if one > MOST_QUERIES} == {}
    assert {path: size for path, (_, size) in costs.items() if size > MOST_BYTES} == {}


def test_no_page_of_the_shop_or_the_account_costs_more_than_agreed(shop: Shop, root_key):
    Buyer(shop).buy("enterprise_monthly", 3)
    shop.settle()
    license = License.objects.get()
    client = Client()
    client.force_login(User.objects.get(email="dev@company.example"))
    numbers = {
        "customer": license.customer_id,
        "license": license.pk,
        "payment": Payment.objects.get().pk,
        "subscription": Subscription.objects.get().pk,
        "ticket": make_conversation(license.customer).pk,
    }

    assert_cheap({path: cost(Client(), path) for path in PUBLIC})
    assert_cheap({path: cost(client, path.format(**numbers)) for path in OF_THE_ACCOUNT})


def test_an_account_of_many_years_costs_no_more(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    row = Subscription.objects.get()
    Payment.objects.bulk_create(
        Payment(
            stripe_id=f"pi_many{number}",
            invoice_id=f"in_many{number}",
            subscription=row,
            amount_cents=9900,
            currency="usd",
            paid_at=timezone.now(),
        )
        for number in range(120)
    )
    client = Client()
    client.force_login(User.objects.get(email="dev@company.example"))

    assert_cheap({path: cost(client, path) for path in (
        "/account/", f"/account/{row.customer_id}/receipts/", f"/account/{row.customer_id}/usage/",
    )})  # fmt: skip


def test_the_one_stylesheet_is_small_and_asks_nobody():
    style = (Path(settings.BASE_DIR) / "static/shop.css").read_text()

    assert len(style.encode()) <= MOST_BYTES_OF_STYLE
    assert "url(" not in style
    assert "@import" not in style
