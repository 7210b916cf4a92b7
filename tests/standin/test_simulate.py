"""The parts of `python -m stripe_standin.simulate`; all of it runs in `bench/simulate.py`."""

import argparse
import random
import shlex
import sys
from pathlib import Path

import pytest
import stripe

from stripe_standin.simulate import doors
from stripe_standin.simulate.__main__ import compare_books
from stripe_standin.simulate.people import DEEDS, Person, make_population
from stripe_standin.simulate.years import Business
from tests.cards import GOOD

from .process import StandIn
from .shop import Shop


def test_the_same_seed_is_the_same_people_and_another_is_not() -> None:
    people = make_population(1, 200, 156)

    assert people == make_population(1, 200, 156) != make_population(2, 200, 156)
    assert {what for person in people for _, what in person.deeds} == set(DEEDS)
    assert all(due > person.joins_in_week for person in people for due, _ in person.deeds)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("cancel", {"status": "active", "cancel_at_period_end": True}),
        ("cancel_and_resume", {"status": "active", "cancel_at_period_end": False}),
        ("end_now", {"status": "canceled"}),
        ("refund", {"status": "active"}),
        ("dispute_lost", {"status": "active"}),
    ],
)
def test_what_people_do_happens_at_stripe(
    standin: StandIn, client: stripe.StripeClient, what: str, expected: dict[str, object]
) -> None:
    standin.hold()
    standin.control("POST", "webhooks", {"url": "http://127.0.0.1:9/"})  # nobody answers
    shop = Shop(standin, client)
    shop.buy(shop.enterprise(), 3)
    standin.take()
    door = doors.Standin(standin.base_url)
    (customer,) = door.everything("customers")
    person = Person(customer["email"], 0, "enterprise_monthly", 3, GOOD, [(1, what)])
    person.has_bought = True
    business = Business(door, doors.Shop("http://127.0.0.1:9"), [person], random.Random(1))

    business._act(person, range(1, 2))

    subscription = business.subscription_of(person)
    assert subscription is not None
    assert {name: subscription[name] for name in expected} == expected
    assert business.done[what] == 1
    assert len(door.everything("refunds")) == (what == "refund")
    assert [row["status"] for row in door.everything("disputes")] == ["lost"] * (
        what == "dispute_lost"
    )


def test_waiting_until_quiet_ends_when_nobody_asks(standin: StandIn) -> None:
    before = standin.control("GET", "state")["requests"]

    doors.Standin(standin.base_url).wait_until_quiet()

    assert standin.control("GET", "state")["requests"] == before


@pytest.mark.parametrize(("left", "ends_well"), [("0", True), ("3", False)])
def test_the_books_are_compared_for_as_long_as_something_gets_better(
    standin: StandIn, tmp_path: Path, left: str, ends_well: bool
) -> None:
    """A shop with eight things to do does one each time, down to what nobody can do."""
    todo = tmp_path / "todo"
    todo.write_text("8")
    script = (
        "import pathlib, sys; file = pathlib.Path(sys.argv[1]);"
        "now = max(int(file.read_text()) - 1, int(sys.argv[2])); file.write_text(str(now));"
        "print(now, 'waiting')"
    )
    command = shlex.join([sys.executable, "-c", script, str(todo), left])
    arguments = argparse.Namespace(then=command, until="0 waiting")
    business = Business(
        doors.Standin(standin.base_url), doors.Shop("http://127.0.0.1:9"), [], random.Random(1)
    )

    assert compare_books(business, arguments) is ends_well
    assert todo.read_text() == left


def test_a_door_that_is_shut_is_told(standin: StandIn) -> None:
    with pytest.raises(RuntimeError, match="404"):
        doors.Standin(standin.base_url).control("POST", "no-such-control", {})
