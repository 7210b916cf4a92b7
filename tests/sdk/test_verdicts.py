"""The table of situations: how many threads may run."""

import pytest
from wheelbarrow_client.verdicts import Heard, decide

DAY = 86_400.0
LINE = "The license allows 100 threads; all of them are in use."


def heard(code: str = "OK", firm: int = 10, surge: int = 0, **fields: float) -> Heard:
    answer = {"surge_s": 0.0, "at": 1000.0, "limit": 100, "message": "", "url": "https://u"}
    return Heard(code=code, firm=firm, surge=surge, **(answer | fields))  # type: ignore[arg-type]


def threads(wanted: int = 10, *, age: float = 1000.0, **fields: object) -> int:
    known = {"limit": 100, "covers_release": True, "heard": heard(), "started": 0.0}
    return decide(wanted, age=age, **(known | fields)).threads  # type: ignore[arg-type]


def test_what_was_granted_runs():
    assert threads() == 10
    assert threads(5) == 5


def test_a_cold_start_without_the_server_runs_what_is_wanted_for_thirty_days():
    assert threads(300, heard=None, age=0) == 300
    assert threads(300, heard=None, age=30 * DAY) == 300
    assert threads(300, heard=None, age=30 * DAY + 1) == 100
    assert threads(300, heard=None, limit=None, age=90 * DAY) == 300


def test_a_silent_server_takes_nothing_away():
    assert threads(age=1000 + 30 * DAY) == 10
    assert threads(300, age=1001 + 30 * DAY) == 100


def test_over_the_limit_runs_firm_and_surge_and_says_the_numbers_and_the_url():
    answer = heard("OVER_LIMIT", 4, 3, surge_s=600, message=LINE)

    verdict = decide(10, limit=100, covers_release=True, heard=answer, age=1000, started=0)

    assert verdict.threads == 7
    assert verdict.reason == f"10 threads wanted, 7 may run (OVER_LIMIT). {LINE} https://u"


def test_nothing_left_is_a_standby():
    verdict = decide(
        10, limit=100, covers_release=True, heard=heard("OVER_LIMIT", 0), age=1000, started=0
    )

    assert verdict.stands_by


def test_a_surge_ends_when_it_was_said_to_even_if_the_server_is_silent():
    answer = heard("SURGE", 4, 6, surge_s=600)

    assert threads(heard=answer, age=1599) == 10
    assert threads(heard=answer, age=1600) == 4


@pytest.mark.parametrize("code", ["REVOKED", "SUSPENDED"])
def test_revoked_and_suspended_take_no_paid_work_until_the_next_answer(code: str):
    assert threads(heard=heard(code, 0)) == 0
    assert threads(heard=heard(code, 0), age=1000 + 90 * DAY) == 0


def test_a_lapsed_license_runs_what_it_covers_and_refuses_what_is_newer():
    lapsed = heard("LAPSED", 10, message="The license ended.")

    assert threads(heard=lapsed) == 10
    assert threads(heard=lapsed, covers_release=False) == 0


def test_an_upgrade_request_stops_nothing():
    assert threads(heard=heard("UPGRADE_CLIENT", 10)) == 10
