"""Events: signed, pushed until somebody says 2xx, or taken, doubled, shuffled and lost."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import stripe

from .process import StandIn, start_standin
from .shop import Shop

BOUGHT = [
    "payment_intent.created",
    "customer.created",
    "payment_method.attached",
    "charge.succeeded",
    "payment_intent.succeeded",
    "invoice.created",
    "customer.subscription.created",
    "customer.updated",
    "invoice.finalized",
    "invoice.updated",
    "invoice.paid",
    "invoice.payment_succeeded",
    "invoice_payment.paid",
    "customer.subscription.updated",
    "checkout.session.completed",
]


def read(shop: Shop, delivery: dict[str, Any], secret: str = "whsec_test") -> stripe.Event:
    signature = delivery["headers"]["Stripe-Signature"]
    return shop.client.construct_event(delivery["body"], signature, secret)


def buy_and_take(shop: Shop, **options: Any) -> list[dict[str, Any]]:
    session = shop.session(shop.pro())
    shop.standin.take()
    shop.standin.pay_checkout(session.url or "")
    return shop.standin.take(**options)


def test_a_purchase_is_told_in_full(shop: Shop) -> None:
    deliveries = buy_and_take(shop)

    events = [read(shop, delivery) for delivery in deliveries]
    assert [event.type for event in events] == BOUGHT
    assert {event.api_version for event in events} == {"2026-05-27.dahlia"}
    assert {event.livemode for event in events} == {False}
    assert shop.standin.take() == []


def test_an_updated_event_says_what_was_before(shop: Shop) -> None:
    events = [read(shop, delivery) for delivery in buy_and_take(shop)]

    created, updated = [e for e in events if e.type.startswith("customer.subscription.")]
    assert created.data.object.status == "incomplete"
    assert updated.data.object.status == "active"
    previous = updated.data.previous_attributes
    assert previous is not None
    assert previous.to_dict() == {"status": "incomplete"}


def test_a_wrong_secret_and_an_old_signature_are_noticed(shop: Shop) -> None:
    shop.client.v1.customers.create({"name": "x"})
    fresh = shop.standin.take()[0]
    shop.client.v1.customers.create({"name": "y"})
    stale = shop.standin.take(signed_at=int(time.time()) - 600)[0]

    with pytest.raises(stripe.SignatureVerificationError):
        read(shop, fresh, "whsec_other")
    with pytest.raises(stripe.SignatureVerificationError, match="tolerance"):
        read(shop, stale)


def test_deliveries_can_be_reversed_doubled_and_shuffled(shop: Shop) -> None:
    reversed_twice = buy_and_take(shop, order="reversed", copies=2)
    shuffled = buy_and_take(shop, order="shuffled", seed=3)

    assert [delivery["type"] for delivery in reversed_twice[::2]] == BOUGHT[::-1]
    assert reversed_twice[0] == reversed_twice[1]
    assert [delivery["type"] for delivery in shuffled] != BOUGHT
    assert sorted(delivery["type"] for delivery in shuffled) == sorted(BOUGHT)


def test_deliveries_can_be_filtered_limited_and_lost(shop: Shop) -> None:
    taken = buy_and_take(shop, types=["invoice.paid", "invoice.created"], limit=1)
    listed = shop.standin.control("GET", "deliveries")
    rest = shop.standin.take(drop=["invoice.paid"])

    assert [delivery["type"] for delivery in taken] == ["invoice.created"]
    assert len(listed) == len(BOUGHT) - 1
    assert set(listed[0]) == {"id", "type", "created", "about"}
    assert "invoice.paid" not in [delivery["type"] for delivery in rest]
    assert len(rest) == len(BOUGHT) - 2


def test_events_can_claim_the_other_mode_and_another_version(shop: Shop) -> None:
    shop.standin.control("POST", "webhooks", {"livemode": True, "api_version": "2024-06-20"})
    shop.client.v1.customers.create({"name": "x"})

    event = read(shop, shop.standin.take()[0])

    assert (event.livemode, event.api_version) == (True, "2024-06-20")


def test_events_are_kept_for_thirty_days(shop: Shop) -> None:
    shop.client.v1.customers.create({"name": "x"})
    event_id = shop.client.v1.events.list({"types": ["customer.created"]}).data[0].id

    shop.standin.advance(31 * 24 * 3600)

    assert shop.client.v1.events.list().data == []
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.events.retrieve(event_id)


def test_events_are_listed_by_type_and_success(shop: Shop) -> None:
    shop.client.v1.customers.create({"name": "x"})
    shop.client.v1.products.create({"name": "x"})
    shop.standin.take(types=["customer.created"])

    failed = shop.client.v1.events.list({"delivery_success": False}).data
    customers = shop.client.v1.events.list({"type": "customer.*"}).data

    assert [event.type for event in failed] == ["product.created"]
    assert [event.type for event in customers] == ["customer.created"]


def test_an_endpoint_of_the_api_gets_the_events_it_asked_for(shop: Shop) -> None:
    endpoint = shop.client.v1.webhook_endpoints.create(
        {"url": "http://127.0.0.1:9/hook", "enabled_events": ["customer.created"]}
    )
    shop.client.v1.customers.create({"name": "x"})
    shop.client.v1.products.create({"name": "x"})

    taken = shop.standin.take()

    mine = [delivery for delivery in taken if delivery["url"] == endpoint.url]
    assert [delivery["type"] for delivery in mine] == ["customer.created"]
    assert read(shop, mine[0], endpoint.secret or "").type == "customer.created"
    assert "secret" not in shop.client.v1.webhook_endpoints.retrieve(endpoint.id)


def test_any_valid_event_can_be_made_and_an_invalid_one_not(shop: Shop) -> None:
    customer = shop.client.v1.customers.create({"name": "x"}).to_dict()
    shop.standin.take()

    made = shop.standin.control("POST", "events", {"type": "customer.created", "object": customer})

    assert shop.standin.take()[0]["id"] == made["id"]
    with pytest.raises(AssertionError, match="400"):
        shop.standin.control("POST", "events", {"type": "invoice.paid", "object": customer})


class Receiver:
    """An endpoint that answers what it is told to, and remembers what it got."""

    def __init__(self) -> None:
        self.bodies: list[tuple[bytes, str]] = []
        self.answers: list[int] = []
        self.meeting = threading.Barrier(1)  # so many must be on their way before one is answered
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.bodies.append((body, self.headers["Stripe-Signature"]))
                receiver.meeting.wait(10)
                status = receiver.answers.pop(0) if receiver.answers else 200
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver(loopback: None) -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def test_events_are_pushed_in_order_and_signed(shop: Shop, receiver: Receiver) -> None:
    shop.standin.control("POST", "webhooks", {"mode": "push", "url": receiver.url})

    session = shop.session(shop.pro())
    shop.standin.pay_checkout(session.url or "")

    wait_for(lambda: len(receiver.bodies) == len(BOUGHT) + 2)
    events = [
        shop.client.construct_event(body, signature, "whsec_test")
        for body, signature in receiver.bodies
    ]
    assert [event.type for event in events] == ["product.created", "price.created", *BOUGHT]


def test_a_push_is_repeated_until_it_is_taken(shop: Shop, receiver: Receiver) -> None:
    receiver.answers = [500, 302]
    shop.standin.control("POST", "webhooks", {"mode": "push", "url": receiver.url})

    shop.client.v1.customers.create({"name": "x"})

    wait_for(lambda: len(receiver.bodies) == 3)
    wait_for(lambda: shop.standin.control("GET", "state")["pending"] == 0)
    assert len({body for body, _ in receiver.bodies}) == 1


def test_held_events_can_be_sent_by_hand(shop: Shop, receiver: Receiver) -> None:
    receiver.answers = [200, 500]
    shop.standin.control("POST", "webhooks", {"url": receiver.url})
    shop.client.v1.customers.create({"name": "x"})

    sent = shop.standin.control("POST", "deliveries/send", {"copies": 2})

    assert [each["status"] for each in sent] == [200, 500]
    assert len(receiver.bodies) == 2


def test_several_are_on_their_way_at_once_if_asked(shop: Shop, receiver: Receiver) -> None:
    receiver.meeting = threading.Barrier(3)
    shop.standin.control("POST", "webhooks", {"url": receiver.url})
    shop.client.v1.customers.create({"name": "x"})

    sent = shop.standin.control("POST", "deliveries/send", {"copies": 3, "at_once": 3})

    assert [each["status"] for each in sent] == [200, 200, 200]


def test_a_url_given_at_the_start_is_pushed_to(receiver: Receiver) -> None:
    with start_standin(webhook_url=receiver.url) as standin:
        client = stripe.StripeClient("sk_test_x", base_addresses={"api": standin.base_url})
        client.v1.customers.create({"name": "x"})

        wait_for(lambda: len(receiver.bodies) == 1)
        assert b"customer.created" in receiver.bodies[0][0]


def test_the_control_api_refuses_what_it_does_not_know(standin: StandIn) -> None:
    refused: list[tuple[str, dict[str, Any]]] = [
        ("webhooks", {"mode": "sideways"}),
        ("deliveries/take", {"order": "random"}),
        ("deliveries/take", {"colour": "red"}),
        ("clock", {}),
        ("clock", {"to": 1}),
        ("faults", {"kind": "flood"}),
    ]
    for path, body in refused:
        with pytest.raises(AssertionError, match="400"):
            standin.control("POST", path, body)
