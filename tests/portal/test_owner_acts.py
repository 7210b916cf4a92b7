"""What the owner does is asked twice where it is grave, and written down for good."""

import json
import re
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core import mail
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from billing.models import GuaranteeRefund, Price, Subscription
from licenses.models import Customer, License, OwnerAct, User
from outbox.mail import deliver_due_mail
from tests.flows.owners import make_owner, session_of
from tests.make import make_credential, make_customer, make_license, make_tier
from tests.shop import Buyer, Shop

pytestmark = pytest.mark.django_db
PRICES = "/owner/billing/price/"


@pytest.fixture
def owner() -> Client:
    """Signed in with his second factor, which he was not asked for since."""
    client = Client()
    client.cookies["sessionid"] = session_of(make_owner("owner@shop.example"), mfa=True)
    return client


def totp_code() -> str:
    authenticator = Authenticator.objects.get(type=Authenticator.Type.TOTP)
    TOTP(authenticator)
    counter = next(iter(yield_hotp_counters_from_time()))
    return format_hotp_value(hotp_value("JBSWY3DPEHPK3PXP", counter))


def hidden_fields(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))


@pytest.fixture
def price() -> Price:
    return Price.objects.create(
        tier=make_tier("pro"), lookup_key="pro_monthly", interval="month", unit_amount_cents=9900
    )


def form(price: Price, **fields: object) -> dict[str, object]:
    return {
        "tier": price.tier_id, "lookup_key": price.lookup_key, "interval": "month",
        "currency": "usd", "unit_amount_cents": 12900, "volume_tiers": "[]", **fields,
    }  # fmt: skip


def amount(price: Price) -> int:
    price.refresh_from_db()
    assert price.unit_amount_cents is not None
    return price.unit_amount_cents


def test_a_price_changes_after_the_second_factor_and_a_reason(owner: Client, price: Price):
    asked = owner.post(f"{PRICES}{price.pk}/change/", form(price))
    assert asked["Location"].startswith("/account/2fa/reauthenticate/")
    assert amount(price) == 9900

    why = owner.post(asked["Location"], {"code": totp_code()})
    page = why.content.decode()
    assert "change billing_price" in page
    assert amount(price) == 9900

    owner.post(f"{PRICES}{price.pk}/change/", {**hidden_fields(page), "reason": "more features"})

    assert amount(price) == 12900
    act = OwnerAct.objects.get()
    assert (act.act, act.about, act.reason) == (
        "change billing_price", str(price.pk), "more features",
    )  # fmt: skip
    assert act.user.email == "owner@shop.example"


@pytest.fixture
def sure(owner: Client) -> Client:
    """The owner, asked for his second factor just now."""
    asked = owner.post(f"{PRICES}add/", {})
    owner.post(asked["Location"], {"code": totp_code()})
    assert not OwnerAct.objects.values_list()
    return owner


def test_a_wrong_code_does_nothing(owner: Client, price: Price):
    asked = owner.post(f"{PRICES}{price.pk}/change/", form(price, reason="because"))

    owner.post(asked["Location"], {"code": "000000"})

    assert amount(price) == 9900
    assert not OwnerAct.objects.values_list()


def test_five_minutes_later_he_is_asked_again(sure: Client, price: Price, time_machine):
    sure.post(f"{PRICES}{price.pk}/change/", form(price, reason="one"))
    assert amount(price) == 12900
    time_machine.move_to(timezone.now() + timedelta(minutes=6))

    asked = sure.post(f"{PRICES}{price.pk}/change/", form(price, unit_amount_cents=1, reason="two"))

    assert asked.status_code == 302
    assert amount(price) == 12900


def test_a_harmless_act_is_written_down_without_a_question(owner: Client):
    customer = make_customer()
    key, _ = make_credential(customer)

    owner.post("/owner/licenses/credential/", {"action": "revoke", "_selected_action": [key.pk]})

    key.refresh_from_db()
    assert key.revoked_at is not None
    assert [(one.act, one.about) for one in OwnerAct.objects.all()] == [
        ("revoke licenses_credential", str(key.pk))
    ]


def test_a_license_is_moved_with_the_reason_of_its_own_form(sure: Client):
    license = make_license()

    sure.post(
        "/owner/licenses/license/",
        {"action": "revoke", "_selected_action": [license.pk], "reason": "abuse"},
    )

    license.refresh_from_db()
    assert license.status == License.Status.REVOKED
    assert OwnerAct.objects.get().reason == "abuse"


def test_whoever_is_not_the_owner_leaves_no_line(price: Price):
    stranger = Client()
    stranger.force_login(make_customer().contacts.get().user)

    stranger.post(f"{PRICES}{price.pk}/change/", form(price, reason="mine"))

    assert amount(price) == 9900
    assert not OwnerAct.objects.values_list()


@pytest.mark.parametrize("change", ["update", "delete"])
def test_the_database_itself_keeps_every_line(owner: Client, change: str):
    user = User.objects.get(email="owner@shop.example")
    OwnerAct.objects.create(at=timezone.now(), user=user, act="x", path="/")

    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic():
        if change == "update":
            OwnerAct.objects.update(reason="nicer")
        else:
            OwnerAct.objects.all().delete()

    assert OwnerAct.objects.get().reason == ""


def test_the_owner_sees_the_account_and_can_do_nothing_there(owner: Client):
    customer = make_customer("dev@company.example")
    make_license(customer=customer)
    key, _ = make_credential(customer, "their key")

    page = owner.get(f"/owner/customers/{customer.pk}/view/").content.decode()

    assert "their key" in page
    assert "<fieldset disabled" in page
    assert "Close the account" not in page
    for path in (f"/account/keys/{key.pk}/revoke/", f"/account/keys/{key.pk}/rotate/"):
        assert owner.post(path, {"overlap": "0"}).status_code == 404
    assert owner.get(f"/account/{customer.pk}/receipts/").status_code == 404
    assert OwnerAct.objects.get().act == "view as customer"


def test_data_leaves_only_after_the_second_factor_and_with_a_reason(sure: Client):
    customer = make_customer("dev@company.example")
    path = f"/owner/customers/{customer.pk}/export/"
    assert b"Why?" in sure.post(path).content

    answer = sure.post(path, {"reason": "he wrote a letter"})

    assert json.loads(answer.content)["people"][0]["email"] == "dev@company.example"
    assert OwnerAct.objects.get().about == f"customer_id={customer.pk}"


def test_the_owner_gives_everything_back_and_parts_ways(shop: Shop, owner: Client):
    Buyer(shop).buy("pro_yearly")
    shop.advance(days=100)
    subscription = Subscription.objects.get()
    asked = owner_again().post(PRICES, {"action": "none"})
    assert asked.status_code == 302

    client = owner_again()
    asked = client.post(
        "/owner/billing/subscription/",
        {"action": "refund_everything", "_selected_action": [subscription.pk], "reason": "rude"},
    )
    assert not GuaranteeRefund.objects.exists()
    client.post(asked["Location"], {"code": totp_code()})
    shop.settle()

    job = GuaranteeRefund.objects.get()
    assert (job.cause, job.state, job.amount_cents) == ("owner", "done", 99500)
    assert License.objects.get().status == License.Status.REVOKED
    deliver_due_mail(timezone.now())
    assert any("We have given back $995" in one.body for one in mail.outbox)
    assert Customer.objects.count() == 1


def owner_again() -> Client:
    """The same owner, signed in now: his last session ended."""
    user = User.objects.get(email="owner@shop.example")
    Authenticator.objects.filter(user=user).delete()
    client = Client()
    client.cookies["sessionid"] = session_of(user, mfa=True)
    return client
