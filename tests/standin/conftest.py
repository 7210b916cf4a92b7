"""One stand-in per module (its own process over loopback), emptied before each test."""

from collections.abc import Iterator

import pytest
import stripe

from .process import StandIn, start_standin
from .shop import Shop


@pytest.fixture(autouse=True)
def loopback(socket_enabled: None) -> None:
    """The tests here talk to a process of their own; see `process.py`."""


@pytest.fixture(scope="module")
def running() -> Iterator[StandIn]:
    with start_standin() as standin:
        yield standin


@pytest.fixture
def standin(running: StandIn, loopback: None) -> StandIn:
    running.reset()
    running.hold()
    return running


@pytest.fixture
def client(standin: StandIn) -> stripe.StripeClient:
    return make_client(standin)


@pytest.fixture
def shop(standin: StandIn, client: stripe.StripeClient) -> Shop:
    return Shop(standin, client)


def make_client(standin: StandIn) -> stripe.StripeClient:
    return stripe.StripeClient(
        "sk_test_x", base_addresses={"api": standin.base_url}, max_network_retries=0
    )
