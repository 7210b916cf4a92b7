"""Sign-in by mailed code, and what a customer does on his account."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from licenses.credentials import create_lease_credential, find_lease_credential
from licenses.entitlements import find_holder
from licenses.models import Credential, License, User
from licenses.status import revoke_license
from tests.make import make_credential, make_customer, make_license

pytestmark = pytest.mark.django_db
KEY = re.compile(r'id="key"[^>]*>(wb_ix_\w{36})<')


@pytest.fixture
def license(root_key) -> License:
    return make_license(customer=make_customer("dev@company.example"))


@pytest.fixture
def client(license: License) -> Client:
    """The license's holder, signed in."""
    client = Client()
    client.force_login(User.objects.get(email="dev@company.example"))
    return client


def mailed_code() -> str:
    found = re.search(r"^([A-Z0-9]{3,4}-[A-Z0-9]{3,4})$", mail.outbox[-1].body, re.MULTILINE)
    assert found, mail.outbox[-1].body
    return found[1]


def test_a_customer_signs_in_with_a_code_from_his_mail(license: License):
    browser = Client()

    asked = browser.post("/account/login/code/", {"email": "Dev@Company.example"}, follow=True)
    assert asked.status_code == 200
    browser.post("/account/login/code/confirm/", {"code": mailed_code()})

    assert mail.outbox[-1].to == ["dev@company.example"]
    assert mail.outbox[-1].subject == "Your code for Wheelbarrow"
    assert "Signed in as dev@company.example" in browser.get("/account/").content.decode()


def test_a_wrong_code_opens_nothing(license: License):
    browser = Client()
    browser.post("/account/login/code/", {"email": "dev@company.example"})

    browser.post("/account/login/code/confirm/", {"code": "AAAAAA"})

    assert browser.get("/account/").status_code == 302


def test_an_unknown_address_gets_the_same_page_and_no_mail():
    make_customer("known@company.example")
    known = Client().post("/account/login/code/", {"email": "known@company.example"})
    sent = len(mail.outbox)

    unknown = Client().post("/account/login/code/", {"email": "nobody@else.example"})

    assert (unknown.status_code, unknown["Location"]) == (known.status_code, known["Location"])
    assert len(mail.outbox) == sent


def test_nobody_signs_up():
    response = Client().post("/account/signup/", {"email": "new@person.example"})

    assert User.objects.count() == 0
    assert response.status_code == 200
    assert "closed" in response.content.decode().lower()


@pytest.mark.parametrize(
    "path", ["email/", "password/reset/", "password/set/", "password/change/", "confirm-email/"]
)
def test_no_page_lets_anybody_take_an_address_without_a_code(path: str):
    assert Client().get(f"/account/{path}").status_code == 404


def test_a_key_is_shown_once_when_it_is_made(client: Client, license: License):
    made = client.post("/account/keys/", {"customer": license.customer_id, "name": "ci"})

    found = KEY.search(made.content.decode())
    assert found
    assert find_holder(found[1], timezone.now()) is not None
    assert found[1] not in client.get("/account/").content.decode()
    assert made["Cache-Control"].startswith("max-age=0")


def test_a_key_without_a_name_is_not_made(client: Client, license: License):
    client.post("/account/keys/", {"customer": license.customer_id, "name": "  "})

    assert Credential.objects.count() == 0


def test_a_key_for_another_customer_is_not_made(client: Client):
    other = make_customer()

    response = client.post("/account/keys/", {"customer": other.pk, "name": "ci"})

    assert response.status_code == 404
    assert other.credentials.count() == 0


def test_the_twenty_first_key_is_refused_with_the_reason(client: Client, license: License):
    for number in range(20):
        make_credential(license.customer, f"key {number}")

    response = client.post(
        "/account/keys/", {"customer": license.customer_id, "name": "one more"}, follow=True
    )

    assert "You have 20 keys" in response.content.decode()
    assert Credential.objects.count() == 20


def test_a_revoked_key_is_refused_at_once(client: Client, license: License):
    credential, token = make_credential(license.customer)
    assert find_holder(token, timezone.now()) is not None

    client.post(f"/account/keys/{credential.pk}/revoke/")

    assert find_holder(token, timezone.now()) is None


def test_a_key_may_be_limited(client: Client, license: License, time_machine):
    time_machine.move_to(datetime(2026, 5, 1, 12, tzinfo=UTC))
    limits = {
        "products": ["hare"], "versions": "<4", "networks": "192.0.2.0/24, 2001:db8::/32",
        "expires_on": "2026-05-31",
    }  # fmt: skip

    client.post("/account/keys/", {"customer": license.customer_id, "name": "ci", **limits})

    made = Credential.objects.get()
    assert (made.products, made.versions) == (["hare"], "<4")
    assert made.networks == ["192.0.2.0/24", "2001:db8::/32"]
    assert made.expires_at == datetime(2026, 6, 1, tzinfo=UTC)
    page = " ".join(client.get("/account/").content.decode().split())
    assert "only for hare versions &lt;4 from 192.0.2.0/24, 2001:db8::/32" in page


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"versions": "four"}, "No key was made: &#x27;four&#x27; is no version range"),
        ({"networks": "300.0.0.0/8"}, "No key was made: "),
        ({"networks": "192.0.2.7/24"}, "has host bits set"),
        ({"expires_on": "2020-01-01"}, "2020-01-01 is over"),
        ({"expires_on": "soon"}, "look again at: expires_on"),
        ({"products": ["elephant"]}, "look again at: products"),
    ],
)
def test_a_limit_that_makes_no_sense_makes_no_key(
    client: Client, license: License, limits: dict[str, str], says: str
):
    fields = {"customer": license.customer_id, "name": "ci", **limits}

    page = client.post("/account/keys/", fields, follow=True).content.decode()

    assert says in page
    assert not Credential.objects.exists()


def test_a_rotated_key_has_a_successor_that_is_shown_once_and_works_on_for_a_week(
    client: Client, license: License
):
    old, token = make_credential(license.customer)

    made = client.post(f"/account/keys/{old.pk}/rotate/").content.decode()

    found = KEY.search(made)
    assert found
    now = timezone.now()
    assert find_holder(found[1], now) is not None
    assert find_holder(token, now + timedelta(days=6, hours=23)) is not None
    assert find_holder(token, now + timedelta(days=7, hours=1)) is None
    Credential.objects.filter(pk=old.pk).update(
        last_used_at=now, last_client="pip/26.3", last_network="192.0.2.0/24"
    )
    page = " ".join(client.get("/account/").content.decode().split())
    assert found[1] not in page
    assert f"replaced by <code>…{found[1][-4:]}</code>, works until" in page
    assert "by pip/26.3 from 192.0.2.0/24" in page


def test_a_key_is_rotated_once(client: Client, license: License):
    old, _ = make_credential(license.customer)
    gone, _ = make_credential(license.customer)
    client.post(f"/account/keys/{old.pk}/rotate/")
    client.post(f"/account/keys/{gone.pk}/revoke/")

    for credential in (old, gone):
        page = client.post(f"/account/keys/{credential.pk}/rotate/", follow=True).content.decode()
        assert "was replaced already, or works no more" in page

    assert Credential.objects.count() == 3


def test_a_lease_key_is_rotated_without_a_guide_to_install(client: Client, license: License):
    old, _ = create_lease_credential(license.pk, name="prod", at=timezone.now())

    page = client.post(f"/account/keys/{old.pk}/rotate/").content.decode()

    (token,) = re.findall(r"wb_ls_\w{36}", page)
    assert find_lease_credential(token, timezone.now()) is not None
    assert "pip install" not in page


def test_the_license_file_is_a_signed_document(client: Client, license: License):
    response = client.get(f"/account/licenses/{license.pk}/document/")

    assert response.content.startswith(b"v4.public.")
    assert 'filename="hare-pro.license"' in response["Content-Disposition"]


def test_a_revoked_license_gives_no_document(client: Client, license: License):
    revoke_license(license.pk, at=timezone.now(), reason="refund")

    assert client.get(f"/account/licenses/{license.pk}/document/").status_code == 404


def test_a_person_of_two_customers_sees_both(client: Client, license: License):
    second = make_license(customer=make_customer("dev@company.example"))

    page = client.get("/account/").content.decode()

    assert str(license.customer) in page
    assert str(second.customer) in page


def test_the_account_page_takes_a_bounded_number_of_queries(
    client: Client, license: License, django_assert_max_num_queries
):
    for number in range(10):
        make_credential(license.customer, f"key {number}")
        make_license(customer=license.customer)

    with django_assert_max_num_queries(9):
        client.get("/account/")
