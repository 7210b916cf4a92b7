"""Many writers at once: no commit over-grants, and this test would notice if one did."""

import contextlib
import os
import pickle
from pathlib import Path

import pytest

from bench.lease_race import Tally, make_pools, race, short_times, without_delete, without_lock
from licenses.models import Lease
from tests.flows.processes import together
from tests.licenses.leasing import BOTH

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=BOTH),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]
PROCESSES, WRITERS = 4, 16
SECONDS = float(os.environ.get("LEASE_RACE_SECONDS", "8"))  # CI asks for more
MUTANT_SECONDS = 60  # at most: it ends with the first wrong
ROUNDS = 8


def run(folder: Path, mutant: contextlib.AbstractContextManager[None], seconds: float) -> Tally:
    """The tally of all processes."""
    make_pools()

    def act(number: int) -> None:
        tally = race(seed=number, writers=WRITERS, seconds=seconds)
        (folder / str(number)).write_bytes(pickle.dumps(tally))

    with short_times(), mutant:
        together(PROCESSES, act)
    total = Tally()
    for file in folder.iterdir():
        total.add(pickle.loads(file.read_bytes()))
    return total


def test_sixty_four_writers_are_never_given_too_much(tmp_path: Path):
    tally = Tally()
    for number in range(ROUNDS):  # one is enough, unless the machine has other things to do
        folder = tmp_path / str(number)
        folder.mkdir()
        tally.add(run(folder, contextlib.nullcontext(), SECONDS))
        if was_tight(tally):
            break

    assert tally.wrong == []
    assert was_tight(tally)
    assert Lease.objects.exists()


def was_tight(tally: Tally) -> bool:
    """Whether there was a race at all: the pool was full, and surged by half."""
    firm, surged = tally.most[100]
    return tally.operations > 20 * SECONDS and firm == 110 and surged > 150


@pytest.mark.parametrize("mutant", [without_lock, without_delete])
def test_without_the_lock_or_the_delete_the_race_is_lost(tmp_path: Path, mutant):
    tally = run(tmp_path, mutant(), MUTANT_SECONDS)

    assert tally.wrong
