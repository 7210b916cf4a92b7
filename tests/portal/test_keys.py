"""Keys on the account: limited, rotated with an overlap, seen in use, revoked."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from licenses.credentials import find_credential, find_lease_credential, note_use
from licenses.models import Credential, License, User
from tests.make import make_credential, make_customer, make_license, make_tier

pytestmark = pytest.mark.django_db
KEY = re.compile(r'id="key"[^>]*>(wb_\w\w_\w{36})<')


@pytest.fixture
def license() -> License:
    return make_license(customer=make_customer("dev@company.example"))


@pytest.fixture
def client(license: License) -> Client:
    client = Client()
    client.force_login(User.objects.get(email="dev@company.example"))
    return client


def make_key(client: Client, holder: License, **fields: object) -> str:
    """The key that is shown; "" when none was made."""
    asked = {"customer": holder.customer_id, "name": "ci", **fields}
    found = KEY.search(client.post("/account/keys/", asked).content.decode())
    return found[1] if found else ""


def test_a_key_is_limited_as_it_was_asked_for(client: Client, license: License):
    make_key(
        client, license, products="hare", versions="<4", networks="192.0.2.0/24",
        expires_on="2099-12-31",
    )  # fmt: skip

    key = Credential.objects.get()
    assert (key.products, key.versions, key.networks) == (["hare"], "<4", ["192.0.2.0/24"])
    assert key.expires_at == datetime(2100, 1, 1, tzinfo=UTC)
    page = client.get("/account/").content.decode()
    for text in ("only hare", "only versions &lt;4", "only from 192.0.2.0/24", "works until"):
        assert text in page


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"versions": "four"}, "is no version range"),
        ({"networks": "the office"}, "192.0.2.0/24"),
        ({"expires_on": "2001-01-01"}, "lies in the past"),
        ({"products": "rabbit"}, "you have no license of rabbit"),
    ],
)
def test_a_limit_that_cannot_be_is_refused_with_the_reason(
    client: Client, license: License, limit: dict[str, str], said: str
):
    asked = {"customer": license.customer_id, "name": "ci", **limit}

    page = client.post("/account/keys/", asked, follow=True).content.decode()

    assert said in page
    assert Credential.objects.count() == 0


def test_a_key_for_threads_is_of_one_license(client: Client):
    customer = make_customer("dev@company.example")
    license = make_license(customer=customer, tier=make_tier("enterprise"), threads=100)

    key = make_key(client, license, license=license.pk)

    found = find_lease_credential(key, timezone.now())
    assert found is not None
    assert found.license_id == license.pk


def test_a_key_for_another_customers_threads_is_not_made(client: Client, license: License):
    other = make_license(threads=100)

    answer = client.post(
        "/account/keys/", {"customer": license.customer_id, "name": "x", "license": other.pk}
    )

    assert answer.status_code == 404
    assert Credential.objects.count() == 0


@pytest.mark.parametrize(("hours", "still_works"), [("168", True), ("0", False)])
def test_a_rotated_key_works_for_as_long_as_was_chosen(
    client: Client, license: License, hours: str, still_works: bool
):
    old, old_key = make_credential(license.customer)

    shown = client.post(f"/account/keys/{old.pk}/rotate/", {"overlap": hours}).content.decode()

    found = KEY.search(shown)
    assert found
    assert find_credential(found[1], timezone.now()) is not None
    assert (find_credential(old_key, timezone.now()) is not None) == still_works


def test_the_account_says_who_still_uses_a_rotated_key(client: Client, license: License):
    old, _ = make_credential(license.customer)
    client.post(f"/account/keys/{old.pk}/rotate/", {"overlap": "168"})
    assert "not used since the rotation" in client.get("/account/").content.decode()

    later = timezone.now() + timedelta(hours=1)
    note_use(old, client="pip/26.3", at=later, network="192.0.2.0/24")

    page = client.get("/account/").content.decode()
    assert "still in use" in page
    assert "by pip/26.3 from 192.0.2.0/24" in page


def test_a_key_that_was_rotated_before_is_not_rotated_again(client: Client, license: License):
    old, _ = make_credential(license.customer)
    client.post(f"/account/keys/{old.pk}/rotate/", {"overlap": "168"})

    again = client.post(f"/account/keys/{old.pk}/rotate/", {"overlap": "168"}, follow=True)

    assert "was rotated or ended before" in again.content.decode()
    assert Credential.objects.count() == 2


def test_nobody_rotates_another_customers_key(client: Client):
    other, _ = make_credential(make_customer())

    answer = client.post(f"/account/keys/{other.pk}/rotate/", {"overlap": "0"})

    assert answer.status_code == 404
    assert Credential.objects.count() == 1
