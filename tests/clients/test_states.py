"""Every state of a license with every installer: what is installed, and what is said."""

from dataclasses import dataclass

import pytest

from tests.clients.conftest import Environment, Server

pytestmark = [pytest.mark.clients, pytest.mark.enable_socket]


@dataclass(frozen=True)
class Outcome:
    """`version` is what gets installed, "" for nothing; `said` what must be read in the log."""

    version: str
    said: str = ""


ENDED = "Your license of Hare Pro ended"
SUSPENDED = "Your license of Hare Pro is suspended while a payment is disputed"
REVOKED = "Your license of Hare Pro was revoked"
NOTHING = ("", "No matching distribution found|401 Unauthorized")
# state → (unpinned, pinned to the newest, pinned to one that was paid for)
STATES: dict[str, tuple[Outcome, Outcome, Outcome]] = {
    "pro": (Outcome("2.0"), Outcome("2.0"), Outcome("1.0")),
    "enterprise": (Outcome("2.0"), Outcome("2.0"), Outcome("1.0")),
    "lapsed": (Outcome("1.0"), Outcome("", ENDED), Outcome("1.0")),
    "suspended": (Outcome("", SUSPENDED),) * 3,
    "revoked": (Outcome("", REVOKED),) * 3,
    "other_tier": (Outcome("", "it needs Hare Pro or Hare Enterprise"),) * 3,
    "revoked_key": (Outcome(*NOTHING),) * 3,
    "": (Outcome(*NOTHING),) * 3,
}
WANTED = ("hare-pro", "hare-pro==2.0", "hare-pro==1.0")


@pytest.mark.parametrize("state", STATES)
def test_each_state_installs_and_says_what_the_table_says(
    server: Server, keys: dict[str, str], installer: Environment, state: str
):
    for wanted, outcome in zip(WANTED, STATES[state], strict=True):
        done = installer.install(server, keys.get(state, ""), "--force-reinstall", wanted)

        assert (done.code == 0) == bool(outcome.version), (wanted, done.said)
        assert any(text in done.said for text in outcome.said.split("|")), (wanted, done.said)
        if outcome.version:
            assert installer.version_of("hare_pro") == outcome.version
    if not STATES[state][2].version:
        assert installer.version_of("hare_pro") == ""
