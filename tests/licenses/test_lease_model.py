"""A short share of `bench/lease_model.py`: random lives of customers, all properties held."""

from pathlib import Path

import pytest

from bench.lease_model import run
from tests.licenses.leasing import BOTH

pytestmark = [pytest.mark.django_db(databases=BOTH), pytest.mark.usefixtures("root_key")]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_lives_break_no_property(seed: int, tmp_path: Path):
    model = run(tmp_path, seconds=60, seed=seed, steps=1200)

    assert model.wrong == []
    assert model.done["requests"] > 200
    assert model.done["requests for all"] > 20
    assert {"start", "crash", "fork", "resize", "cut", "goodbye"} <= set(model.done)


def test_the_model_notices_a_ledger_that_gives_too_much(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    from licenses import leases
    from licenses.granting import Grant

    monkeypatch.setattr(leases, "grant_threads", lambda terms, *, wanted, **_: Grant(firm=wanted))

    model = run(tmp_path, seconds=60, seed=1, steps=3000)

    assert model.wrong
    assert model.wrong[0].startswith("P1 ")
