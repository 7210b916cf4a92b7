"""The owner in the admin: he finds, moves and revokes; what the machine writes is not edited."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import escape

from licenses.credentials import find_credential
from licenses.models import (
    Contact,
    Credential,
    CredentialNetwork,
    Customer,
    LeakReport,
    License,
    User,
)
from licenses.status import lapse_license, revoke_license
from tests.licenses.owner import url
from tests.make import make_credential, make_customer, make_license, make_tier

pytestmark = pytest.mark.django_db
MODELS = ["customer", "contact", "product", "tier", "license", "licenseevent", "credential", "user"]


def act(owner: Client, model: str, action: str, *rows, **fields: str) -> str:
    """Press an action's button; what the page says then."""
    data = {"action": action, "_selected_action": [row.pk for row in rows], **fields}
    return owner.post(url(model), data, follow=True).content.decode()


@pytest.mark.parametrize("model", MODELS)
def test_lists_pages_and_searches_open(owner: Client, model: str):
    license = make_license()
    credential, _ = make_credential(license.customer)
    first = {
        "customer": license.customer,
        "contact": Contact.objects.get(),
        "product": license.tier.product,
        "tier": license.tier,
        "license": license,
        "licenseevent": license.events.get(),
        "credential": credential,
        "user": User.objects.latest("pk"),
    }[model]

    listed = owner.get(url(model))
    searched = owner.get(f"{url(model)}?{urlencode({'q': 'Hare owner:test dev'})}")
    page = owner.get(url(model, "change", first.pk))

    assert [listed.status_code, searched.status_code, page.status_code] == [200, 200, 200]


@pytest.mark.parametrize("model", ["customer", "contact", "license", "licenseevent", "credential"])
def test_a_list_costs_the_same_queries_however_long_it_is(owner: Client, model: str):
    def cost_with_more(number: int) -> int:
        for _ in range(number):
            license = make_license(tier=make_tier(product=f"product{License.objects.count()}"))
            make_credential(license.customer)
        with CaptureQueriesContext(connection) as queries:
            owner.get(url(model))
        return len(queries)

    assert cost_with_more(2) == cost_with_more(6)


def test_a_digest_or_a_password_hash_stands_on_no_page(owner: Client):
    license = make_license()
    credential, token = make_credential(license.customer)
    user = User.objects.get(email="owner@shop.example")

    pages = [
        owner.get(url("credential")),
        owner.get(url("credential", "change", credential.pk)),
        owner.get(url("customer", "change", license.customer_id)),
        owner.get(url("user", "change", user.pk)),
    ]

    for page in pages:
        text = page.content.decode()
        assert credential.digest not in text
        assert token not in text
        assert user.password not in text
    assert credential.hint in pages[0].content.decode()


@pytest.mark.parametrize("model", ["license", "licenseevent", "credential", "contact"])
def test_what_the_machine_writes_is_not_edited_by_hand(owner: Client, model: str):
    license = make_license()
    make_credential(license.customer)
    rows = {
        "license": license,
        "licenseevent": license.events.get(),
        "credential": Credential.objects.get(),
        "contact": Contact.objects.get(),
    }

    added = owner.get(url(model, "add"))
    changed = owner.post(url(model, "change", rows[model].pk), {"status": "revoked"})
    deleted = owner.post(url(model, "delete", rows[model].pk), {"post": "yes"})

    may_add = 200 if model == "license" else 403  # a gift, by a form of its own
    assert [added.status_code, changed.status_code, deleted.status_code] == [may_add, 403, 403]
    assert License.objects.get().status == License.Status.ACTIVE


@pytest.mark.parametrize("query", ["owner:gift-7", "Smith", "ada@example.com"])
def test_a_license_is_found_by_source_customer_and_contact(owner: Client, query: str):
    customer = make_customer("ada@example.com")
    Customer.objects.filter(pk=customer.pk).update(name="Smith & Sons")
    make_license(customer=customer, source="owner:gift-7")
    make_license(source="owner:other")

    page = owner.get(f"{url('license')}?{urlencode({'q': query})}").content.decode()

    assert "owner:gift-7" in page
    assert "owner:other" not in page
    assert url("customer", "change", customer.pk) in page
    assert "Smith &amp; Sons" in page


def test_a_license_is_revoked_by_its_function_with_the_reason(owner: Client):
    license = make_license()

    page = act(owner, "license", "revoke", license, reason=" abuse ")

    license.refresh_from_db()
    event = license.events.first()
    assert event is not None
    assert (license.status, license.rev) == (License.Status.REVOKED, 2)
    assert (event.name, event.reason) == ("revoked", "abuse")
    assert "is revoked." in page


def test_a_license_lapses_and_is_reinstated(owner: Client):
    license = make_license()

    act(owner, "license", "lapse", license, reason="asked for")
    act(owner, "license", "reinstate", license, reason="changed his mind")

    names = license.events.order_by("pk").values_list("name", flat=True)
    assert list(names) == ["issued", "lapsed", "reinstated"]


def test_a_gift_whose_time_is_over_is_said_to_end_again(owner: Client):
    at = timezone.now()
    licenses = []
    for kind, days in (("complimentary", -1), ("complimentary", 1), ("organization", -1)):
        license = make_license(paid_through=at + timedelta(days=days))
        License.objects.filter(pk=license.pk).update(kind=kind)
        licenses.append(lapse_license(license.pk, at=at, reason="ended"))

    page = act(owner, "license", "reinstate", *licenses, reason="please")

    over = f"{escape(str(licenses[0]))} is active. Its time is over: it ends again, tonight or "
    assert over in page
    assert page.count("give a new one instead") == 1
    assert set(License.objects.values_list("status", flat=True)) == {"active"}


def test_no_license_is_moved_without_a_reason(owner: Client):
    license = make_license()

    page = act(owner, "license", "revoke", license, reason="  ")

    license.refresh_from_db()
    assert license.status == License.Status.ACTIVE
    assert "Say why" in page


def test_a_revoked_license_stays_so_and_the_others_are_moved(owner: Client):
    gone, lapsed = make_license(), make_license()
    revoke_license(gone.pk, at=gone.created_at, reason="refund")
    lapse_license(lapsed.pk, at=lapsed.created_at, reason="ended")

    page = act(owner, "license", "reinstate", gone, lapsed, reason="please")

    gone.refresh_from_db()
    lapsed.refresh_from_db()
    assert (gone.status, lapsed.status) == (License.Status.REVOKED, License.Status.ACTIVE)
    assert "was revoked and stays so" in page


def test_staff_that_may_only_look_has_no_actions(owner: Client):
    from django.contrib.auth.models import Permission

    license = make_license()
    viewer = User.objects.create_user("viewer@shop.example", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_license"))
    owner.force_login(viewer)

    act(owner, "license", "revoke", license, reason="just so")

    license.refresh_from_db()
    assert license.status == License.Status.ACTIVE


def test_a_credential_is_revoked(owner: Client):
    credential, token = make_credential(make_customer())

    page = act(owner, "credential", "revoke", credential)

    credential.refresh_from_db()
    assert credential.revoked_at is not None
    assert find_credential(token, credential.revoked_at) is None
    assert "is revoked." in page


def test_where_a_credential_was_used_and_found_stands_on_its_page(owner: Client):
    credential, _ = make_credential(make_customer())
    CredentialNetwork.objects.create(credential=credential, day="2026-05-01", network="AS1 ONE")
    LeakReport.objects.create(
        credential=credential, url="https://x.example/leak", at=timezone.now()
    )

    page = owner.get(url("credential", "change", credential.pk)).content.decode()

    assert "AS1 ONE" in page
    assert "https://x.example/leak" in page
