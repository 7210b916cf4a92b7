"""A stand-in that fails: when asked to, when killed, in production, and when it is wrong."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe

from stripe_standin.app import App
from stripe_standin.control.door import is_loopback
from stripe_standin.operations import TEMPLATES, Built, Call
from stripe_standin.world import Options

from .process import ROOT, StandIn, start_standin
from .shop import Shop

# Faults on request


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("500", stripe.APIError),
        ("429", stripe.RateLimitError),
        ("reset", stripe.APIConnectionError),
    ],
)
def test_a_fault_before_the_change_leaves_no_trace(
    standin: StandIn, client: stripe.StripeClient, kind: str, error: type[Exception]
) -> None:
    standin.control("POST", "faults", {"method": "POST", "path": "/v1/customers", "kind": kind})

    with pytest.raises(error):
        client.v1.customers.create({"name": "x"})

    assert "customer" not in standin.control("GET", "state")["counts"]
    assert client.v1.customers.create({"name": "x"}).name == "x"


def test_a_fault_may_let_some_requests_pass(standin: StandIn, client: stripe.StripeClient) -> None:
    fault = {"method": "*", "path": "/v1/customers", "kind": "500", "skip": 1}
    standin.control("POST", "faults", fault)

    assert client.v1.customers.create({"name": "x"}).name == "x"
    with pytest.raises(stripe.APIError):
        client.v1.customers.list()
    assert len(client.v1.customers.list().data) == 1


@pytest.mark.parametrize("kind", ["500", "reset"])
def test_after_a_fault_behind_the_commit_a_repeat_gets_the_first_answer(
    standin: StandIn, client: stripe.StripeClient, kind: str
) -> None:
    fault = {"method": "POST", "path": "/v1/customers", "kind": kind, "when": "after"}
    standin.control("POST", "faults", fault)

    with pytest.raises((stripe.APIError, stripe.APIConnectionError)):
        client.v1.customers.create({"name": "x"}, {"idempotency_key": "k"})
    again = client.v1.customers.create({"name": "x"}, {"idempotency_key": "k"})

    assert standin.control("GET", "state")["counts"]["customer"] == 1
    assert client.v1.customers.list().data[0].id == again.id


def test_the_sdk_repeats_by_itself(standin: StandIn) -> None:
    client = stripe.StripeClient(
        "sk_test_x", base_addresses={"api": standin.base_url}, max_network_retries=2
    )
    fault = {"method": "POST", "path": "/v1/customers", "kind": "reset", "when": "after"}
    standin.control("POST", "faults", fault)

    client.v1.customers.create({"name": "x"})

    assert standin.control("GET", "state")["counts"]["customer"] == 1


# The state file


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    file = tmp_path / "stripe.sqlite3"
    with start_standin(state=file) as first:
        shop = Shop(first, stripe.StripeClient("sk_test_x", base_addresses={"api": first.base_url}))
        first.hold()
        subscription = shop.buy(shop.enterprise(), 3)
        first.advance(3600)
        shop.client.v1.customers.create({"name": "last"}, {"idempotency_key": "k"})
        before, now = first.control("GET", "state"), first.now()
        first.kill()

    with start_standin(state=file) as second:
        client = stripe.StripeClient("sk_test_x", base_addresses={"api": second.base_url})
        after = second.control("GET", "state")
        client.v1.customers.create({"name": "last"}, {"idempotency_key": "k"})

        assert after["counts"] == before["counts"]
        assert (after["pending"], after["delivered"]) == (before["pending"], before["delivered"])
        assert 0 <= second.now() - now < 30
        assert client.v1.subscriptions.retrieve(subscription.id).status == "active"
        assert second.control("GET", "state")["counts"] == before["counts"]
        tiers = client.v1.prices.list({"expand": ["data.tiers"]}).data[0].tiers
        assert tiers is not None
        assert len(tiers) == 4


# Where it must not run


def start(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k not in ("DEBUG", "DEMO", "STRIPE_SECRET_KEY")}
    command = [sys.executable, "-m", "stripe_standin", "--port", "0"]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=clean | environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "set DEBUG=1 or DEMO=1"),
        ({"DEBUG": "0", "DEMO": "no"}, "set DEBUG=1 or DEMO=1"),
        ({"DEMO": "1", "STRIPE_SECRET_KEY": "sk_live_abc"}, "live key"),
        ({"DEBUG": "1", "STRIPE_SECRET_KEY": "rk_live_abc"}, "live key"),
    ],
)
def test_it_does_not_start_where_money_could_be_meant(environ: dict[str, str], words: str) -> None:
    ended = start(environ)

    assert ended.returncode == 2
    assert words in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_sigterm_ends_it_cleanly(loopback: None) -> None:
    standin = start_standin()

    standin.stop()

    assert standin.process.returncode == 0


@pytest.mark.parametrize(
    ("peer", "allowed"),
    [("127.0.0.1", True), ("::1", True), ("10.0.0.5", False), ("203.0.113.9", False), ("", False)],
)
def test_the_control_api_is_for_this_machine(peer: str, allowed: bool) -> None:
    assert is_loopback(peer) is allowed
    assert ask(App(Options()), "GET", "/_test/state", peer=peer)[0] == (200 if allowed else 403)


# When it is wrong itself. The application runs in this process, so that it can be sabotaged.


def ask(
    app: App, method: str, path: str, form: str = "", peer: str = "127.0.0.1"
) -> tuple[int, str]:
    """One request to the WSGI application: the status and the body."""
    statuses: list[str] = []

    def start_response(status: str, *rest: object) -> Any:
        statuses.append(status)

    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(len(form)),
        "REMOTE_ADDR": peer,
        "HTTP_AUTHORIZATION": "Bearer sk_test_x",
        "wsgi.input": io.BytesIO(form.encode()),
    }
    body = b"".join(app(environ, start_response)).decode()
    return int(statuses[0].split()[0]), body


@pytest.fixture
def app() -> App:
    return App(Options())


@pytest.fixture
def registry() -> Iterator[dict[tuple[str, str], Built]]:
    kept = dict(TEMPLATES)
    yield TEMPLATES
    TEMPLATES.clear()
    TEMPLATES.update(kept)


CREATE = ("POST", "/v1/customers")


def leave_out(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != "invoice_settings"}


def leave_out_a_null(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != "phone"}


def invent_a_status(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"tax_exempt": "sometimes"}


def invent_a_field(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"current_period_end": 1}


def give_the_wrong_hash(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"invoice_settings": {"payment_intent": "pi_1"}}


@pytest.mark.parametrize(
    "damage",
    [leave_out, leave_out_a_null, invent_a_status, invent_a_field, give_the_wrong_hash],
)
def test_a_wrong_answer_is_a_500_and_leaves_no_trace(
    app: App, registry: dict[tuple[str, str], Built], damage: Any
) -> None:
    real = registry[CREATE]

    def sabotaged(call: Call) -> dict[str, Any]:
        broken: dict[str, Any] = damage(real.handler(call))
        return broken

    registry[CREATE] = Built(sabotaged, real.takes)

    status, body = ask(app, *CREATE, form="name=x")

    assert status == 500
    assert "broke Stripe's description" in body
    assert app.world.all("customer") == []
    assert app.world.all("event") == []


def test_a_wrong_event_is_a_500_and_leaves_no_trace(
    app: App, registry: dict[tuple[str, str], Built]
) -> None:
    real = registry[CREATE]

    def sabotaged(call: Call) -> dict[str, Any]:
        customer = real.handler(call)
        call.world.emit("invoice.paid", customer)
        return customer

    registry[CREATE] = Built(sabotaged, real.takes)

    status, _ = ask(app, *CREATE, form="name=x")

    assert status == 500
    assert app.world.all("customer") == []


def test_a_wrong_object_cannot_be_stored(app: App) -> None:
    status, _ = ask(app, *CREATE, form="name=x")
    customer = app.world.all("customer")[0]

    with pytest.raises(Exception, match="Additional properties"), app.world.transaction():
        app.world.change(customer["id"], "customer.updated", plan="pro")

    assert status == 200
    assert app.world.all("customer") == [customer]
