"""Wrong keys are counted; good ones never wait."""

import re
from pathlib import Path

import pytest

from lib.addresses import client_address, one_client
from lib.tokens import TokenKind, mint_token
from pkgindex.index.failures import ALLOWED, WINDOW, Failures
from tests.pkgindex.index_client import IndexClient

WRONG = "Basic d3Jvbmc6d3Jvbmc="


def tries(
    failures: Failures, number: int, *, address: str = "a", key: str = "", at: float = 0
) -> int:
    """Fail so many times; the seconds to wait that the last one is told."""
    waits = [failures.note(address, key or f"key {n}", at) for n in range(number)]
    return waits[-1]


def test_ten_failures_in_five_minutes_are_let_through():
    failures = Failures()

    assert tries(failures, ALLOWED, at=1000) == 0
    assert tries(failures, 1, at=1010) == WINDOW - 10
    assert tries(failures, 1, at=1000 + WINDOW) == 0


def test_one_key_is_counted_wherever_it_is_tried():
    failures = Failures()
    for number in range(ALLOWED):
        assert failures.note(f"address {number}", "same", 0) == 0

    assert failures.note("another address", "same", 0) == WINDOW
    assert failures.note("another address", "other", 0) == 0


def test_all_processes_of_a_host_count_together(tmp_path: Path):
    tries(Failures(tmp_path), ALLOWED)

    assert tries(Failures(tmp_path), 1) == WINDOW
    assert tries(Failures(), 1) == 0


def test_a_folder_that_cannot_be_used_leaves_each_process_its_own(tmp_path: Path):
    (tmp_path / "file").write_text("")

    assert tries(Failures(tmp_path / "file"), ALLOWED + 1) == WINDOW


def test_a_clock_that_was_set_back_begins_anew():
    failures = Failures()
    tries(failures, ALLOWED, at=10_000)

    assert tries(failures, 1, at=100) == 0


@pytest.mark.django_db
def test_the_eleventh_wrong_key_is_429_and_a_good_one_is_never(holder: IndexClient):
    bad = [IndexClient(mint_token(TokenKind.INDEX)) for _ in range(ALLOWED + 1)]

    replies = [client.get("/simple/") for client in bad]

    assert [reply.status for reply in replies] == [401] * ALLOWED + [429]
    # The sentence tells people how long it lasts; pip sleeps for what the header says, five times.
    told = re.fullmatch(
        r"The key is unknown; too often, try again in (\d+) seconds", replies[-1].reason
    )
    assert told
    assert WINDOW - 60 <= int(told[1]) <= WINDOW  # the clock runs on while the keys are tried
    assert replies[-1].headers["Retry-After"] == "1"
    assert holder.get("/simple/").status == 200
    assert IndexClient().get("/simple/").status == 200
    assert IndexClient("wb_ix_wrong", address="10.1.1.1").get("/simple/").status == 401


@pytest.mark.django_db
def test_a_stranger_is_no_failure(stranger: IndexClient):
    for _ in range(ALLOWED + 1):
        assert stranger.get("/files/0000000000000000/a.whl").status == 404
    assert IndexClient("wb_ix_wrong").get("/simple/").status == 401


@pytest.mark.django_db
def test_behind_a_proxy_the_client_cannot_choose_its_address(settings):
    settings.TRUSTED_PROXIES = 1
    for number in range(ALLOWED + 1):
        reply = IndexClient(f"wrong {number}").get(
            "/simple/", x_forwarded_for=f"10.9.9.{number}, 203.0.113.7"
        )

    assert reply.status == 429
    assert IndexClient("wrong").get("/simple/", x_forwarded_for="203.0.113.8").status == 401


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "1.1.1.1", "9.9.9.9"),
        (1, "1.1.1.1", "1.1.1.1"),
        (1, "6.6.6.6, 1.1.1.1", "1.1.1.1"),
        (2, "6.6.6.6, 1.1.1.1, 2.2.2.2", "1.1.1.1"),
        (3, "1.1.1.1", "9.9.9.9"),
        (1, "", "9.9.9.9"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        (1, "::ffff:192.0.2.7", "192.0.2.7"),
        (1, "nonsense:", "nonsense:"),
    ],
)
def test_the_address_is_the_nth_from_the_right(proxies: int, forwarded: str, expected: str):
    environ = {"REMOTE_ADDR": "9.9.9.9", "HTTP_X_FORWARDED_FOR": forwarded}

    assert one_client(client_address(environ, proxies)) == expected
