"""The owner gives a license away, in the admin; told twice it is given once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.utils import timezone

from licenses.gift_ends import end_gifts
from licenses.gifts import Gift, give, source_of
from licenses.issuing import Grant
from licenses.models import Credential, Customer, License, OwnerAct
from licenses.transferring import transfer_license
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

    owner.post(ADD, form(**new), follow=True)
    again = owner.post(ADD, form(**new), follow=True)

    page = again.content.decode()
    assert "made before; nothing was changed" in page
    assert "successfully" not in page
    assert (License.objects.count(), Customer.objects.count(), Mail.objects.count()) == (1, 1, 1)


def end_it(license: License) -> None:
    end_gifts(license.paid_through)


def transfer_it(license: License) -> None:
    transfer_license(license.pk, to_customer_id=make_customer().pk, at=timezone.now())


@pytest.mark.parametrize("go", [end_it, transfer_it])
def test_a_gift_that_he_has_no_more_is_given_anew_and_once(
    owner: Client, go: Callable[[License], None]
):
    customer = make_customer()
    owner.post(ADD, form(customer=customer.pk, kind="evaluation"))
    go(License.objects.get())

    pages = [
        owner.post(ADD, form(customer=customer.pk, kind="evaluation"), follow=True)
        for _ in range(2)
    ]

    assert ["successfully" in page.content.decode() for page in pages] == [True, False]
    assert customer.licenses.filter(status=License.Status.ACTIVE).count() == 1
    assert (License.objects.count(), Mail.objects.count()) == (2, 2)


def test_another_kind_or_size_is_another_gift(owner: Client):
    customer = make_customer()

    for fields in ({"kind": "evaluation"}, {"threads": 7}, {}, {"kind": "evaluation"}):
        owner.post(ADD, form(customer=customer.pk, **fields))

    assert list(customer.licenses.values_list("kind", "threads").order_by("pk")) == [
        ("evaluation", 100),
        ("complimentary", 7),
        ("complimentary", 100),
    ]


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


def test_a_customer_without_people_is_given_nothing(owner: Client):
    customer = make_customer()
    customer.contacts.all().delete()

    page = owner.post(ADD, form(customer=customer.pk)).content.decode()

    assert f"nobody of {customer} can be mailed; add a contact first" in page
    assert (License.objects.count(), Mail.objects.count()) == (0, 0)


def test_what_is_given_by_another_press_meanwhile_is_said_and_not_given_twice(owner: Client):
    new = {"email": "ann@example.com", "name": "Ann's shop"}
    fields = form(**new)
    grant = Grant(fields["tier"], "complimentary", 100, timezone.now() + timedelta(days=30))  # type: ignore[arg-type]
    gift = Gift(source=source_of(grant, email=new["email"]), grant=grant, **new)
    seen: list[str] = []

    def be_overtaken(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if not seen and sql.startswith('INSERT INTO "licenses_customer"'):
            seen.append(sql)
            give(gift, at=timezone.now())
        return execute(sql, *rest)

    with connection.execute_wrapper(be_overtaken):
        page = owner.post(ADD, fields, follow=True).content.decode()

    assert "is being given at this very moment; try again" in page
    assert "successfully" not in page
    assert (License.objects.count(), Customer.objects.count()) == (0, 0)  # one transaction here


def test_a_license_that_is_there_is_still_only_read(owner: Client):
    license = make_license()

    page = owner.get(f"/owner/licenses/license/{license.pk}/change/").content.decode()

    assert license.source in page
    assert 'name="_save"' not in page
