"""Random schedules end in Stripe's truth. More of them: `python -m bench.schedules 10000`."""

import pytest
from django.db import transaction

from tests.flows.schedules import Schedule
from tests.shop import Shop

SEEDS = range(16)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_schedule_ends_in_stripes_truth(shop: Shop, seed: int):
    with transaction.atomic():  # a crash rolls back to here, as to what was committed
        assert len(Schedule(shop, seed).run()) >= 4
