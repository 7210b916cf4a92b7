"""Stripe fails at one request of a story. All of them: `python -m bench.stripe_away`."""

import pytest

from tests.flows.striking import FAULTS, strike
from tests.flows.stripe_away import STORIES
from tests.shop import Shop

SHARE = 2  # requests of each story


@pytest.mark.parametrize("part", range(SHARE))
@pytest.mark.parametrize("name", STORIES)
def test_a_stripe_that_fails_at_any_request_is_made_good(shop: Shop, name: str, part: int):
    """Another fault at another request for each story; a share of all that may happen."""
    place, story = list(STORIES).index(name), STORIES[name]
    fault = FAULTS[(place + 2 * part) % len(FAULTS)]
    assert strike(shop, story, fault, (5 * place + 7 * part) % story.requests)
