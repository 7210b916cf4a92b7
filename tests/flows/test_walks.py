"""Random walks end in Stripe's truth. More of them: `python -m bench.walks 1000`."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from time_machine import TimeMachineFixture

from tests.flows.walks import Walk
from tests.shop import Shop
from tests.standin.process import StandIn

BEGINNING = datetime(2026, 3, 10, 12, tzinfo=UTC)
WALKS = settings(
    max_examples=12,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.django_db
def test_walks_end_in_stripes_truth(standin: StandIn, time_machine: TimeMachineFixture):
    opened = 0

    class AWalk(Walk):
        @staticmethod
        def open_shop() -> Shop:
            nonlocal opened
            opened += 1
            time_machine.move_to(BEGINNING)
            standin.reset()
            standin.hold()
            return Shop.open(standin, time_machine)

    run_state_machine_as_test(AWalk, settings=WALKS)

    assert opened >= WALKS.max_examples
