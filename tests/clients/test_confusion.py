"""Dependency confusion: a stranger published 99.0 under our names on an index that is asked, too.

In no set-up that the shop documents does it get in, whatever our index answers: the table of
statuses of what one installer or another takes for "look elsewhere".
"""

import http.server
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.clients.answering import ANSWERS, OURS, answering
from tests.clients.conftest import BIN, HOSTILE, Run, Server, run
from tests.clients.projects import SET_UPS, Indexes

pytestmark = [pytest.mark.clients, pytest.mark.enable_socket]

# Who is asked with which key for what, and which version may come.
READERS = [
    ("pro", "hare-pro", "2.0"),
    ("lapsed", "hare-pro", "1.0"),
    ("other_tier", "hare-pro", ""),
    ("revoked", "hare-pro", ""),
    ("revoked_key", "hare-pro", ""),
    ("", "hare-pro", ""),
    ("pro", "hare-ent", ""),
    ("pro", "hare-cloud", ""),  # reserved: nothing is published under it
]


@pytest.fixture(scope="session")
def scripted(upstream: str) -> Iterator[str]:
    with answering(upstream) as url:
        yield url


@pytest.fixture(scope="session")
def guide(server: Server, keys) -> dict[str, str]:
    """The commands of the welcome page, by client."""
    return server.seed("guide")


def shell(command: str, folder: Path, pip: Path) -> Run:
    """A command as the page shows it, with `pip` and `uv` as a customer has them."""
    tools = folder / "tools"
    if not tools.exists():
        tools.mkdir()
        (tools / "pip").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{pip}/pip" "$@"\n')
        (tools / "pip").chmod(0o755)
        (tools / "uv").symlink_to(BIN / "uv")
    base = {"HOME": str(folder), "PIP_RETRIES": "0", "UV_HTTP_RETRIES": "0"}
    base |= {"PIP_NO_CACHE_DIR": "1", "UV_NO_CACHE": "1", "UV_PYTHON": sys.executable}
    base |= {"PATH": f"{tools}:/usr/bin:/bin"}
    return run("sh", "-c", command, env=base)


def installed(folder: Path, module: str) -> str:
    """The version under *folder*; "" if there is none."""
    found = run(
        sys.executable,
        "-I",
        "-c",
        f"""
import sys
sys.path.insert(0, {str(folder)!r})
import {module}
print({module}.VERSION)
""",
    )
    return found.said if found.code == 0 else ""


@pytest.mark.parametrize("client", ["pip", "uv"])
def test_one_index_url_is_safe_whatever_our_index_answers(
    guide: dict[str, str], scripted: str, server: Server, pips, tmp_path: Path, client: str
):
    for answer in ANSWERS:
        ours = server.url.removeprefix("http://"), f"{scripted.removeprefix('http://')}/{answer}"
        once = guide["pip"].replace(*ours)  # uv takes the same words
        command = f"{'uv ' if client == 'uv' else ''}{once} --target {tmp_path / answer}"

        done = shell(command, tmp_path, pips["pip"])

        version = installed(tmp_path / answer, "hare_pro")
        assert version == ("1.0" if answer == "200" else ""), (answer, done.said)


@pytest.mark.parametrize("client", SET_UPS)
def test_a_source_for_our_projects_is_safe_whatever_our_index_answers(
    scripted: str, upstream: str, tools: Path, tmp_path: Path, client: str
):
    for answer in ANSWERS:
        indexes = Indexes(f"{scripted}/{answer}/simple/", "KEY", upstream, tools)
        project = SET_UPS[client](tmp_path / answer, indexes, OURS)

        done = project.locked()

        text = project.locked_text()
        assert HOSTILE not in text, (answer, text)
        assert ('"1.0"' in text and OURS in text) == (answer == "200"), (answer, done.said, text)


@pytest.mark.parametrize("client", SET_UPS)
def test_nobody_gets_the_hostile_release_from_this_index(
    server: Server, keys, upstream: str, tools: Path, tmp_path: Path, client: str
):
    for number, (key, wanted, version) in enumerate(READERS):
        indexes = Indexes(server.index_url(), keys.get(key, ""), upstream, tools)
        project = SET_UPS[client](tmp_path / str(number), indexes, wanted)

        done = project.installed()

        said = (key, wanted, done.said)
        assert project.version_of(wanted.replace("-", "_")) == version, said
        assert HOSTILE not in project.locked_text(), said


def test_a_foreign_project_comes_from_the_other_index_in_each_set_up(
    server: Server, keys, upstream: str, tools: Path, tmp_path: Path
):
    """So the tests above do have a hostile index within reach."""
    indexes = Indexes(server.index_url(), keys["pro"], upstream, tools)
    for client, make in SET_UPS.items():
        project = make(tmp_path / client, indexes, "hare-pro", "foreign")

        done = project.installed()

        assert project.version_of("hare_pro") == "2.0", done.said
        assert project.version_of("foreign") == HOSTILE, done.said


def test_no_key_is_told_to_the_index_that_a_name_is_passed_on_to(
    guide: dict[str, str], server: Server, tools: Path, pips, tmp_path: Path
):
    with listening() as (elsewhere, heard), answering(f"{elsewhere}/simple") as ours:
        for client in ("pip", "uv pip"):
            command = guide["pip"].replace(server.url.removeprefix("http://"), f"{ours[7:]}/200")
            command = command.replace("pip", client, 1).replace("hare-pro", "foreign")
            shell(f"{command} --target {tmp_path / client}", tmp_path, pips["pip"])
        indexes = Indexes(f"{ours}/200/simple/", "KEY", elsewhere, tools)
        SET_UPS["pdm"](tmp_path / "pdm", indexes, "foreign").locked()

    assert {agent.split("/")[0] for agent, _ in heard} == {"pip", "uv", "pdm"}
    assert {key for _, key in heard} == {None}


@contextmanager
def listening() -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """An index that has nothing and writes down who asks, and with which key."""
    heard: list[tuple[str, str | None]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append((self.headers["User-Agent"], self.headers["Authorization"]))
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as index:
        thread = threading.Thread(target=index.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{index.server_port}", heard
        index.shutdown()
        thread.join()


def test_an_extra_index_would_let_the_hostile_release_in(
    guide: dict[str, str], upstream: str, server: Server, keys, pips, tmp_path: Path
):
    """Why the shop never shows `--extra-index-url`: pip takes the highest version of all."""
    command = guide["pip"].replace("KEY", keys["pro"])
    shell(f"{command} --target {tmp_path / 'site'}", tmp_path, pips["pip"])
    assert installed(tmp_path / "site", "hare_pro") == "2.0"

    shell(
        f"{command} --extra-index-url {upstream} --target {tmp_path / 'extra'}",
        tmp_path,
        pips["pip"],
    )

    assert installed(tmp_path / "extra", "hare_pro") == HOSTILE
    assert not any("extra-index" in text for text in guide.values())
