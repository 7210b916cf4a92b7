"""Every state of a license with every installer: what is installed, and what is said."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from pkgindex.index.pages import as_hint
from tests.clients.conftest import Environment, Server, run
from tests.clients.projects import MAKERS, Indexes, Project

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


# What the tools that resolve a whole project say of the newest release, pinned: uv and poetry the
# sentence, pdm the URL of the file, in which the reason stands.
NO_KEY = {
    "uv": "401 Unauthorized",
    "poetry": "Authorization error accessing",
    "pdm": "Unable to find candidates",
}
REFUSALS = {
    "lapsed": ENDED,
    "suspended": SUSPENDED,
    "revoked": REVOKED,
    "other_tier": "Your license does not cover this project, it needs Hare Pro",
}


@dataclass(frozen=True)
class Desk:
    """Where projects are made with one of the tools."""

    client: str
    server: Server
    keys: dict[str, str]
    upstream: str
    tools: Path
    folder: Path

    def project(self, state: str, wanted: str) -> Project:
        indexes = Indexes(
            self.server.index_url(), self.keys.get(state, ""), self.upstream, self.tools
        )
        return MAKERS[self.client](self.folder / (state or "nobody"), indexes, wanted)


@pytest.fixture(params=MAKERS)
def desk(
    request: pytest.FixtureRequest, server: Server, keys, upstream: str, tools: Path, tmp_path: Path
) -> Desk:
    return Desk(request.param, server, keys, upstream, tools, tmp_path)


@pytest.mark.parametrize("state", [*REFUSALS, "revoked_key", ""])
def test_each_tool_says_why_a_project_cannot_be_locked_or_installed(desk: Desk, state: str):
    project = desk.project(state, "hare-pro==2.0")

    done = project.installed()

    assert done.code != 0
    if state in REFUSALS:
        sentence = REFUSALS[state]
        assert (as_hint(sentence) if desk.client == "pdm" else sentence) in done.said, done.said
        assert "402" in done.said
    else:
        assert NO_KEY[desk.client] in done.said, done.said
    assert project.version_of("hare_pro") == ""


def test_a_lock_file_from_before_the_license_ended_installs_what_was_paid_for(desk: Desk):
    """Byte for byte: the lock file holds the digest. What is newer says why it does not come."""
    for wanted, version in (("hare-pro==1.0", "1.0"), ("hare-pro==2.0", "")):
        before = desk.project("pro", wanted)
        assert before.locked().code == 0
        lapsed = desk.project("lapsed", wanted)
        (lapsed.folder / lapsed.lockfile).write_text(before.locked_text())

        done = run(*lapsed.install, env=lapsed.env)

        assert (done.code == 0) == bool(version), done.said
        if version:
            assert lapsed.version_of("hare_pro") == version
        else:
            assert "402" in done.said, done.said
