"""What something costs, in units of this machine as fast as it is at this moment."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


def _unit() -> float:
    """Process time of a fixed piece of work: about 0.05 s on a quiet machine of 2026."""
    began = time.process_time()
    sum(number * number for number in range(1_000_000))
    return time.process_time() - began


@contextmanager
def at_most(units: float) -> Iterator[None]:
    """The block costs no more process time than so many units, measured before and after it."""
    before = _unit()
    began = time.process_time()
    yield
    took = time.process_time() - began
    assert took < units * max(before, _unit()), f"{took:.2f} s"
