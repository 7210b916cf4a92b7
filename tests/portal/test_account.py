"""Sign-in by mailed code, and what a customer does on his account."""

import re

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone
from wheelbarrow_client import verify

from licenses.entitlements import find_holder
from licenses.models import Credential, License, User
from licenses.root_key import public_key_text
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


def test_the_license_file_is_a_signed_document_in_lines_or_in_one(client: Client, license: License):
    response = client.get(f"/account/licenses/{license.pk}/document/")
    line = client.get(f"/account/licenses/{license.pk}/document/?form=line").content.decode()

    text = response.content.decode()
    assert text.startswith("-----BEGIN WHEELBARROW LICENSE-----\nv4.public.")
    assert text.endswith("\n-----END WHEELBARROW LICENSE-----\n")
    assert re.fullmatch(r"v4\.public\.[\w.-]+\n", line)
    for document in (text, line):
        assert verify(document, [public_key_text()]).license_id == str(license.pk)
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

    with django_assert_max_num_queries(12):
        client.get("/account/")
