"""The owner gives a license away, in the admin; told twice it is given once."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from licenses.models import Credential, Customer, License, OwnerAct
from outbox.models import Mail
from tests.make import make_customer, make_license, make_tier

ADD = "/owner/licenses/license/add/"


@pytest.fixture
def owner(db: None, settings) -> Client:
    settings.OWNER_NEEDS_SECOND_FACTOR = False
    client = Client()
    client.force_login(get_user_model().objects.create_superuser(email="owner@shop.example"))
    return client


def form(**fields: object) -> dict[str, object]:
    tier = make_tier("enterprise", threads_per_unit=100)
    return {"tier": tier.pk, "kind": "complimentary", "days": 30, **fields}


def test_somebody_new_gets_a_license_and_a_mail_and_makes_his_own_key(owner: Client):
    new = {"email": "Ann@Example.com", "name": "Ann's shop"}

    answer = owner.post(ADD, form(**new))

    license = License.objects.get()
    assert answer.status_code == 302, answer.content.decode()
    assert (license.kind, license.threads, str(license.customer)) == (
        "complimentary", 100, "Ann's shop",
    )  # fmt: skip
    assert Mail.objects.get().to == ["ann@example.com"]
    assert not Credential.objects.exists()
    assert OwnerAct.objects.get().act == "add licenses_license"


def test_a_customer_who_is_known_gets_it_beside_what_he_has(owner: Client):
    license = make_license()

    owner.post(ADD, form(customer=license.customer_id, kind="evaluation", threads=7))

    assert list(license.customer.licenses.values_list("kind", "threads").order_by("pk")) == [
        ("organization", None),
        ("evaluation", 7),
    ]


def test_the_same_gift_again_changes_nothing(owner: Client):
    new = {"email": "ann@example.com", "name": "Ann's shop"}

    owner.post(ADD, form(**new))
    again = owner.post(ADD, form(**new), follow=True)

    assert "made before; nothing was changed" in again.content.decode()
    assert (License.objects.count(), Customer.objects.count(), Mail.objects.count()) == (1, 1, 1)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"email": "ann@example.com"},
        {"email": "not an address", "name": "x"},
        {"email": "ann@example.com", "name": "x", "customer": "known"},
        {"email": "ann@example.com", "name": "x", "days": 0},
        {"email": "ann@example.com", "name": "x", "kind": "organization"},
        {"email": "ann@example.com", "name": "x", "kind": "site"},
    ],
)
def test_what_is_not_clear_is_given_to_nobody(owner: Client, fields: dict[str, object]):
    if "customer" in fields:
        fields = {**fields, "customer": make_customer().pk}

    answer = owner.post(ADD, form(**fields))

    assert "errorlist" in answer.content.decode()
    assert not License.objects.exists()


def test_a_license_that_is_there_is_still_only_read(owner: Client):
    license = make_license()

    page = owner.get(f"/owner/licenses/license/{license.pk}/change/").content.decode()

    assert license.source in page
    assert 'name="_save"' not in page
