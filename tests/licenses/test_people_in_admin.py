"""People, contacts and tiers as the owner writes them in the admin."""

import pytest
from django.test import Client

from licenses.generation import current_generation
from licenses.models import (
    Contact,
    Customer,
    Tier,
    User,
)
from tests.licenses.owner import url
from tests.make import make_customer, make_license, make_tier

pytestmark = pytest.mark.django_db


def contacts_form(customer: Customer, **rows: str) -> dict[str, str]:
    """The customer page's form with its contacts as they are, and what *rows* change."""
    contact = customer.contacts.get()
    return {
        "name": customer.name,
        "contacts-TOTAL_FORMS": "2",
        "contacts-INITIAL_FORMS": "1",
        "contacts-0-id": str(contact.pk),
        "contacts-0-customer": str(customer.pk),
        "contacts-0-email": contact.email,
        "contacts-0-role": contact.role,
        "contacts-1-customer": str(customer.pk),
        "contacts-1-role": "owner",
        "licenses-TOTAL_FORMS": "0",
        "licenses-INITIAL_FORMS": "0",
        "credentials-TOTAL_FORMS": "0",
        "credentials-INITIAL_FORMS": "0",
    } | {name.replace("_", "-"): value for name, value in rows.items()}


def test_a_contact_added_by_the_owner_can_sign_in(owner: Client):
    customer = make_customer("ada@example.com")
    form = contacts_form(
        customer, contacts_1_email="Bob@Example.com", contacts_1_role="technical", name="New name"
    )

    done = owner.post(url("customer", "change", customer.pk), form)

    customer.refresh_from_db()
    bob = customer.contacts.get(email="bob@example.com")
    assert done.status_code == 302
    assert customer.name == "New name"
    assert bob.role == Contact.Role.TECHNICAL
    assert bob.user is not None
    assert bob.user.email == "bob@example.com"


def test_the_address_of_a_contact_stays_but_its_role_may_change(owner: Client):
    customer = make_customer("ada@example.com")
    page = url("customer", "change", customer.pk)

    refused = owner.post(page, contacts_form(customer, contacts_0_email="eve@example.com"))
    owner.post(page, contacts_form(customer, contacts_0_role="billing"))

    contact = customer.contacts.get()
    assert "delete the contact and add another" in refused.content.decode()
    assert (contact.email, contact.role) == ("ada@example.com", Contact.Role.BILLING)


def test_a_contact_is_deleted_and_its_user_stays(owner: Client):
    customer = make_customer("ada@example.com")

    owner.post(
        url("customer", "change", customer.pk), contacts_form(customer, contacts_0_DELETE="on")
    )

    assert customer.contacts.count() == 0
    assert User.objects.filter(email="ada@example.com").exists()


@pytest.mark.parametrize(
    ("features", "saved"), [('["a", "b"]', 302), ('{"a": 1}', 200), ("7", 200)]
)
def test_a_tiers_features_are_a_list_of_names(owner: Client, features: str, saved: int):
    tier = make_tier()
    form = {
        "product": tier.product_id,
        "slug": "pro",
        "name": "Pro",
        "rank": 1,
        "features": features,
        "tickets_per_quarter": 1,
    }

    done = owner.post(url("tier", "change", tier.pk), form)

    assert done.status_code == saved
    assert Tier.objects.get().features == (["a", "b"] if saved == 302 else [])


def test_a_feature_that_a_tier_gets_later_reaches_those_who_have_it_already(owner: Client):
    """By a newer document: the client fetches one only if the license's rev says so."""
    mine, others = make_license(), make_license(tier=make_tier(product="other"))
    form = {
        "product": mine.tier.product_id, "slug": mine.tier.slug, "name": mine.tier.name, "rank": 0,
        "features": '["schedules"]', "tickets_per_quarter": 0,
    }  # fmt: skip

    for shown in ("[]", '["schedules"]'):  # the second time nothing is changed
        form["initial-features"] = shown
        assert owner.post(url("tier", "change", mine.tier_id), form).status_code == 302

    for license in (mine, others):
        before = license.rev
        license.refresh_from_db()
        assert license.rev == before + (license is mine)


def test_a_person_added_by_the_owner_has_no_password(owner: Client):
    owner.post(url("user", "add"), {"email": "New@Example.com", "is_active": "on"})

    user = User.objects.get(email="new@example.com")
    assert not user.has_usable_password()
    assert not user.is_superuser


@pytest.mark.parametrize("model", ["tier", "product"])
def test_a_new_name_reaches_the_index_at_once(owner: Client, model: str):
    row = {"tier": make_tier(), "product": make_tier().product}[model]
    before = current_generation()
    fields = {
        "tier": {"product": row.pk, "slug": "pro", "rank": 0, "features": "[]",
                 "tickets_per_quarter": 0},
        "product": {"slug": "hare", "status": "on sale", "tiers-TOTAL_FORMS": 0,
                    "tiers-INITIAL_FORMS": 0},
    }[model]  # fmt: skip
    if model == "tier":
        fields["product"] = row.product_id

    response = owner.post(url(model, "change", row.pk), {"name": "Gold", **fields})

    assert response.status_code == 302, response.content.decode()
    row.refresh_from_db()
    assert row.name == "Gold"
    assert current_generation() > before
