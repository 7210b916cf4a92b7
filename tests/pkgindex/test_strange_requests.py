"""Spoiled requests by the thousand: each gets an answer, and no private byte without its key.

`python -m bench.fuzz requests 1000000` goes on for longer.
"""

from collections import Counter
from pathlib import Path

import pytest

from tests.pkgindex.strange_requests import fill_index

pytestmark = pytest.mark.django_db

NUMBER = 3000


def test_strange_requests_get_ordinary_answers(settings, tmp_path: Path):
    strange = fill_index(settings.MEDIA_ROOT, tmp_path / "state")

    said = Counter(strange.ask(seed) for seed in range(NUMBER))

    assert said.total() == NUMBER
    # Each kind of answer came up, or the requests were not strange in every way.
    assert {"200", "206", "301", "401", "402", "404", "405", "406", "416"} <= said.keys(), said
