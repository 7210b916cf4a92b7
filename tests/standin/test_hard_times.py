"""Silence, outages, damage on the way, and what somebody does in the Dashboard."""

import json
import time
from typing import Any

import pytest
import stripe

from tests.cards import FAILS_AT_RENEWAL

from .conftest import make_client
from .process import StandIn
from .shop import DAY, Shop


def fault(standin: StandIn, **fields: Any) -> None:
    standin.control("POST", "faults", fields)


@pytest.mark.parametrize(("when", "left"), [("before", 0), ("after", 1)])
def test_a_timeout_is_silence_before_or_after_the_change(
    standin: StandIn, client: stripe.StripeClient, when: str, left: int
) -> None:
    fault(standin, path="/v1/customers", kind="timeout", when=when, seconds=0.5)
    began = time.monotonic()

    with pytest.raises(stripe.APIConnectionError):
        client.v1.customers.create({"email": "a@b.co"})

    assert time.monotonic() - began >= 0.5
    assert len(client.v1.customers.list().data) == left


def test_nobody_else_waits_for_a_silent_answer(standin: StandIn) -> None:
    fault(standin, method="*", path="/v1/products", kind="timeout", seconds=5)
    began = time.monotonic()
    impatient = stripe.StripeClient(
        "sk_test_x",
        base_addresses={"api": standin.base_url},
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=0.3),
    )

    with pytest.raises(stripe.APIConnectionError):
        impatient.v1.products.list()
    make_client(standin).v1.customers.list()

    assert time.monotonic() - began < 4


def test_faults_can_be_seen_and_cleared(standin: StandIn, client: stripe.StripeClient) -> None:
    fault(standin, path="/v1/customers", kind="500", times=3)

    waiting = standin.control("GET", "faults")
    standin.control("DELETE", "faults")

    assert [each["times"] for each in waiting] == [3]
    client.v1.customers.create({"email": "a@b.co"})


@pytest.mark.parametrize("how", ["body", "signature"])
def test_a_damaged_event_does_not_verify(shop: Shop, how: str) -> None:
    shop.client.v1.customers.create({"email": "a@b.co"})

    (delivery,) = shop.standin.take(corrupt=how)

    with pytest.raises(stripe.SignatureVerificationError):
        shop.client.construct_event(
            delivery["body"], delivery["headers"]["Stripe-Signature"], "whsec_test"
        )


def test_an_event_may_be_rightly_signed_and_no_utf8(shop: Shop) -> None:
    shop.client.v1.customers.create({"email": "a@b.co"})

    (delivery,) = shop.standin.take(corrupt="utf8")

    raw = delivery["body"].encode(errors="surrogateescape")
    with pytest.raises(UnicodeDecodeError):
        raw.decode()
    assert b"event\xff" in raw


def test_what_happens_muted_is_told_nowhere(shop: Shop) -> None:
    shop.standin.control("POST", "webhooks", {"mode": "mute"})

    subscription = shop.buy()

    assert shop.standin.take() == []
    assert shop.client.v1.events.list().data == []
    assert shop.subscription(subscription.id).status == "active"


def test_an_outage_loses_deliveries_but_not_events(shop: Shop) -> None:
    shop.standin.control("POST", "outage", {"seconds": 5 * DAY, "lost": True})
    lost = shop.client.v1.customers.create({"email": "lost@b.co"})
    shop.standin.advance(6 * DAY)
    shop.client.v1.customers.create({"email": "told@b.co"})

    told = shop.standin.take()
    missed = shop.client.v1.events.list({"delivery_success": False}).data

    assert [json.loads(d["body"])["data"]["object"]["email"] for d in told] == ["told@b.co"]
    assert [event.data.object["id"] for event in missed] == [lost.id]


def test_the_dashboard_does_what_the_api_does_without_a_request(shop: Shop) -> None:
    subscription = shop.buy()
    path = f"/v1/subscriptions/{subscription.id}"

    answer = shop.standin.control("POST", "dashboard", {"method": "DELETE", "path": path})

    assert (answer["status"], answer["body"]["status"]) == (200, "canceled")
    (delivery,) = shop.standin.take()
    assert json.loads(delivery["body"])["request"] == {"id": None, "idempotency_key": None}


def test_a_stored_card_may_expire_or_go_bad(shop: Shop) -> None:
    expired, bad = shop.buy(), shop.buy()
    card, other = str(expired.default_payment_method), str(bad.default_payment_method)

    shop.standin.control("POST", f"cards/{card}", {"exp_month": 1, "exp_year": 2020})
    shop.standin.control("POST", f"cards/{other}", {"number": FAILS_AT_RENEWAL})
    told = [delivery["type"] for delivery in shop.standin.take()]
    shop.standin.advance(32 * DAY)

    assert told == ["payment_method.updated", "payment_method.updated"]
    failed = [shop.client.v1.charges.list({"limit": 2}).data[i].failure_code for i in (0, 1)]
    assert sorted(map(str, failed)) == ["card_declined", "expired_card"]
    assert {shop.subscription(s.id).status for s in (expired, bad)} == {"past_due"}
