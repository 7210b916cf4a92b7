"""Stripe fails at one of our requests, whichever, and it ends as if nothing had (scenario 36).

A story is prepared, acted, and must end well: the people press again when a page tells them to,
the worker tries again by itself, and the night comes once. `strike` numbers the requests of a
story; `FAULTS` are all that can happen to one. The stories stand in `stripe_away.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils import timezone

from billing.models import Chore
from tests.flows.books import books_agree
from tests.shop import Shop

# A request that is lost, that Stripe refuses for the moment, that Stripe's own failure undoes and
# keeps under the key, and whose answer is lost after it took effect.
FAULTS = (("reset", "before"), ("429", "before"), ("500", "during"), ("500", "after"),
          ("reset", "after"))  # fmt: skip
Part = Callable[[Shop], None]


@dataclass(frozen=True)
class Story:
    """What is there before, what people and time do, and how it must have ended."""

    prepare: Part
    act: Part
    ends_well: Part
    requests: int  # that it makes at Stripe, or more


def strike(shop: Shop, story: Story, fault: tuple[str, str], number: int) -> bool:
    """Play the story with a failure at our request *number*; False if it has fewer."""
    story.prepare(shop)
    kind, when = fault
    times = 1 if kind == "429" else 2  # the SDK repeats the others once, at once
    shop.fail_stripe("*", "/v1/", kind=kind, when=when, times=times, skip=number)
    story.act(shop)
    struck = bool(shop.standin.control("GET", "faults") == [])
    _bring_to_an_end(shop)
    shop.standin.control("DELETE", "faults")
    story.ends_well(shop)
    books_agree(shop)
    return struck


def _bring_to_an_end(shop: Shop) -> None:
    """What failed is tried again within the hour, and the night comes."""
    for _ in range(3):
        shop.advance(minutes=20)
        shop.settle()
    Chore.objects.filter(name="reconcile").update(due_at=timezone.now())
    for _ in range(2):
        shop.settle()
        shop.advance(minutes=20)
    shop.settle()
