"""Odd wheels by the thousand: each is taken, or refused with a sentence, at once.

`FUZZ=1000000 bin/test tests/pkgindex/test_odd_wheels.py` goes on for as long as one likes;
`python -m bench.fuzz structures` installs what is taken, too.
"""

import time

import pytest

from tests.pkgindex.odd_wheels import ODDITIES, odd_wheel
from tests.pkgindex.test_fuzz import NUMBER, SLICES


@pytest.mark.parametrize("part", range(SLICES))
def test_an_odd_wheel_is_taken_or_refused_at_once(part: int):
    taken = 0

    for seed in range(part, NUMBER, SLICES):
        began = time.monotonic()
        try:
            taken += odd_wheel(seed).is_taken()
        except BaseException as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
        assert time.monotonic() - began < 2, seed

    number = len(range(part, NUMBER, SLICES))
    assert number / 20 < taken < number / 2


def test_a_seed_is_always_the_same_wheel():
    assert [odd_wheel(seed) for seed in range(50)] == [odd_wheel(seed) for seed in range(50)]
    assert len(ODDITIES) == 10
