"""The webhook's door: who may come in, and what is kept."""

import gzip
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import pytest
import stripe
from django.test import Client

from billing.models import DirtyObject, OwnerNotice, StripeEvent
from billing.stripe_api import API_VERSION
from tests.shop import WEBHOOK

pytestmark = pytest.mark.django_db
SECRET = "whsec_canary1234567890"


def event(**fields: Any) -> dict[str, Any]:
    return {
        "id": "evt_1",
        "object": "event",
        "type": "customer.subscription.updated",
        "api_version": "2026-05-27.dahlia",
        "created": int(time.time()),
        "livemode": False,
        "data": {"object": {"id": "sub_1", "object": "subscription"}},
        **fields,
    }


def signature(body: bytes, *, secret: str = SECRET, at: float | None = None) -> str:
    stamp = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


def post(body: Any, header: str | None = None) -> int:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Stripe-Signature": signature(raw) if header is None else header}
    response = Client().post(WEBHOOK, raw, content_type="application/json", headers=headers)
    return response.status_code


def test_a_signed_event_is_kept_and_marks_its_object():
    assert post(event()) == 200

    assert StripeEvent.objects.get().about == DirtyObject.objects.get(stripe_id="sub_1")


def test_the_same_event_again_has_no_effect():
    post(event())
    hints = DirtyObject.objects.get().hints

    assert post(event()) == 200

    assert StripeEvent.objects.count() == 1
    assert DirtyObject.objects.get().hints == hints


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        "t=,v1=",
        "t=x,v1=y",
        "t=99999999999999999999999,v1=00",
        "t=1,v1=\u00e9",
        "t=NOW",
        "t=NOW,v1=",
        "t=NOW,v0=00",
    ],
)
def test_an_unsigned_event_is_refused_and_nothing_is_kept(header):
    assert post(event(), header.replace("NOW", str(int(time.time())))) == 400
    assert StripeEvent.objects.count() == 0


def test_an_event_signed_with_another_secret_is_refused():
    body = json.dumps(event()).encode()

    assert post(body, signature(body, secret="whsec_other")) == 400
    assert StripeEvent.objects.count() == 0


def test_an_event_whose_body_was_changed_is_refused():
    body = json.dumps(event()).encode()

    assert post(body.replace(b"sub_1", b"sub_2"), signature(body)) == 400
    assert StripeEvent.objects.count() == 0


@pytest.mark.parametrize("seconds", [-301, -360, 301, 360, 86400 * 365])
def test_a_stale_or_a_future_signature_is_refused(seconds):
    body = json.dumps(event()).encode()

    assert post(body, signature(body, at=time.time() + seconds)) == 400
    assert StripeEvent.objects.count() == 0


@pytest.mark.parametrize("seconds", [-290, 290])
def test_a_clock_that_is_a_little_off_is_fine(seconds):
    body = json.dumps(event()).encode()

    assert post(body, signature(body, at=time.time() + seconds)) == 200


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe",
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        json.dumps(event(data=None)).encode(),
        json.dumps(event(created="soon")).encode(),
        json.dumps(event(created=10**30)).encode(),
    ],
)
def test_a_signed_body_that_is_no_event_is_refused(body):
    assert post(body) == 400
    assert StripeEvent.objects.count() == 0


def test_without_a_secret_there_is_no_door(settings):
    settings.STRIPE_WEBHOOK_SECRETS = []

    assert post(event()) == 404
    body = json.dumps(event()).encode()
    assert post(body, signature(body, secret="")) == 404


def test_both_secrets_open_while_one_is_being_rotated(settings):
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new", SECRET]
    old, new = json.dumps(event(id="evt_old")).encode(), json.dumps(event(id="evt_new")).encode()

    assert post(old, signature(old)) == 200
    assert post(new, signature(new, secret="whsec_new")) == 200


def test_an_event_of_the_other_mode_is_kept_without_effect():
    assert post(event(livemode=True)) == 200

    assert StripeEvent.objects.get().note == "of the other mode (test or live)"
    assert DirtyObject.objects.count() == 0


def test_a_type_that_is_not_handled_is_kept_without_effect():
    assert post(event(type="product.updated")) == 200
    assert post(event(id="evt_2", type="invented.in_2031")) == 200

    assert set(StripeEvent.objects.values_list("note", flat=True)) == {"type not handled"}
    assert DirtyObject.objects.count() == 0


@pytest.mark.parametrize("kind", ["invoice.paid", "invoice.payment_failed"])
def test_an_invoice_of_no_subscription_has_no_effect(kind):
    assert post(event(type=kind, data={"object": {"id": "in_1", "parent": None}})) == 200

    assert StripeEvent.objects.get().note == "about nothing of ours"


@pytest.mark.parametrize(
    "invoice",
    [
        {"parent": {"subscription_details": {"subscription": "sub_9"}}},
        {"subscription": "sub_9"},  # an endpoint of an API version before "basil"
    ],
)
def test_an_invoice_marks_its_subscription_in_every_api_version(invoice):
    post(event(type="invoice.paid", api_version="2024-06-20", data={"object": invoice}))

    assert StripeEvent.objects.get().about == DirtyObject.objects.get(stripe_id="sub_9")


def test_an_endpoint_of_another_api_version_is_told_once_and_does_no_harm():
    for number in range(3):
        assert post(event(id=f"evt_{number}", api_version="2024-06-20")) == 200
    post(event(id="evt_same"))
    post(event(id="evt_live", api_version="2030-01-01.later", livemode=True))

    notice = OwnerNotice.objects.get()
    assert "2024-06-20" in notice.text
    assert not notice.needs_him
    assert StripeEvent.objects.filter(about__stripe_id="sub_1").count() == 4


def test_the_version_stands_in_the_sdk_and_in_the_stand_ins_description_too():
    description = gzip.decompress(Path("stripe_standin/data/spec3.trimmed.json.gz").read_bytes())
    assert json.loads(description)["info"]["version"] == stripe.api_version == API_VERSION


def test_a_get_is_not_answered():
    assert Client().get(WEBHOOK).status_code == 405


def test_a_body_of_two_megabytes_is_refused():
    assert post(event(padding="x" * 2 * 1024 * 1024)) in {400, 413}
    assert StripeEvent.objects.count() == 0
