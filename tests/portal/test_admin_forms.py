"""The admin's forms: what is in them, and that they can be saved."""

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.test import Client

from licenses.models import Customer, Product, Tier
from tests.make import make_credential, make_customer, make_license, make_tier


@pytest.mark.parametrize("model", [EmailAddress, Authenticator, Group])
def test_rows_of_libraries_are_not_in_the_admin(owner: Client, model: type[Model]):
    """Whichever app is loaded first: a proven address or a second factor is made by its holder."""
    assert not admin.site.is_registered(model)
    assert owner.get(f"/owner/{model._meta.label_lower.replace('.', '/')}/").status_code == 404


def fields_of(page: str) -> dict[str, str]:
    """What a browser would send of a form: its inputs and chosen options."""
    found = {}
    for tag in re.findall(r"<input[^>]*>", page):
        values = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        is_left_out = values.get("type") in {"submit", "checkbox", "button"}
        if "name" in values and not is_left_out:
            found[values["name"]] = values.get("value", "")
    for name, options in re.findall(r'<select name="([^"]+)".*?>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        found[name] = chosen[1] if chosen else ""
    return found


def test_a_customer_with_licenses_and_keys_is_saved_with_another_person(owner: Client):
    customer = make_customer("dev@company.example")
    license = make_license(customer=customer)
    credential, _ = make_credential(customer)
    path = f"/owner/licenses/customer/{customer.pk}/change/"
    page = owner.get(path).content.decode()
    assert 'id="licenses-group" role="region" tabindex="0"' in page
    assert f'<a href="/owner/licenses/license/{license.pk}/change/">' in page
    assert f'<a href="/owner/licenses/credential/{credential.pk}/change/">' in page
    assert 'for="id_contacts-0-email"' in page  # each input has its label

    fields = fields_of(page) | {"name": "Company", "contacts-TOTAL_FORMS": "2"}
    fields |= {"contacts-1-email": "new@company.example", "contacts-1-role": "billing"}
    fields |= {"contacts-1-customer": str(customer.pk), "contacts-1-id": ""}
    answer = owner.post(path, fields)

    assert answer.status_code == 302, re.findall(r"errorlist.*", answer.content.decode())
    saved = Customer.objects.get(pk=customer.pk)
    assert saved.name == "Company"
    assert {one.email for one in saved.contacts.all()} == {
        "dev@company.example",
        "new@company.example",
    }
    assert saved.licenses.count() == saved.credentials.count() == 1


def test_a_tier_is_added_to_its_product(owner: Client):
    product = make_tier().product
    path = f"/owner/licenses/product/{product.pk}/change/"
    page = owner.get(path).content.decode()
    assert 'for="id_tiers-0-name"' in page

    fields = fields_of(page) | {"tiers-TOTAL_FORMS": "2", "tiers-1-product": str(product.pk)}
    fields |= {"tiers-1-name": "Team", "tiers-1-slug": "team", "tiers-1-rank": "5"}
    fields |= {"tiers-1-tickets_per_quarter": "2", "tiers-1-id": "", "summary": "x"}
    answer = owner.post(path, fields)

    assert answer.status_code == 302, re.findall(r"errorlist.*", answer.content.decode())
    assert Tier.objects.get(slug="team").product == Product.objects.get()


def test_a_date_and_its_time_have_labels(owner: Client):
    page = owner.get("/owner/pkgindex/uploadtoken/add/").content.decode()

    assert '<label for="id_expires_at_0">Date:</label>' in page
    assert '<label for="id_expires_at_1">Time:</label>' in page
