"""Processes of one host renew together: one request for all, and nobody depends on it."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from wheelbarrow_client import living
from wheelbarrow_client.together import Envelope, Together, open_folder
from wheelbarrow_client.transport import Unreachable

from licenses.credentials import create_lease_credential
from licenses.models import Lease as Row
from licenses.models import License
from licenses.status import revoke_license
from tests.licenses.leasing import BOTH, limited, sums
from tests.sdk.processes import InProcess, Process, World

SDK = Path(__file__).parents[2] / "sdk/src"
pytestmark = [pytest.mark.django_db(databases=BOTH), pytest.mark.usefixtures("root_key")]


@pytest.fixture(autouse=True)
def _no_leases_left() -> Iterator[None]:
    yield
    living.leases.clear()


@pytest.fixture
def license() -> License:
    return limited(100)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every request for leases: "PUT", "POST" or "DELETE"."""
    said: list[str] = []
    real = InProcess._send

    def send(self: InProcess, method: str, path: str, *args: Any, **options: Any) -> Any:
        if "/leases" in path:
            said.append(method)
        return real(self, method, path, *args, **options)

    monkeypatch.setattr(InProcess, "_send", send)
    return said


@pytest.fixture
def start(license: License, world: World, tmp_path: Path) -> Callable[..., Process]:
    token = create_lease_credential(license.pk, name="prod", at=timezone.now())[1]
    return lambda wanted: Process(license, token, wanted, world, together=Together(tmp_path))


def kill(process: Process) -> None:
    """What kill -9 leaves: the files, without anybody who locks them."""
    process.lease._asker._together.forget()


def test_after_its_own_first_question_each_is_renewed_by_one_request(
    start: Callable[..., Process], world: World, asked: list[str], license: License
):
    processes = [start(10) for _ in range(5)]
    for one in processes:
        one.lease.beat()
    assert asked == ["PUT"] * 5
    first = {row.iid: row.expires_at for row in Row.objects.all()}

    world.passed += 300
    pauses = [one.lease.beat() for one in processes]

    assert asked[5:] == ["POST"]
    assert {row.iid for row in Row.objects.all() if row.expires_at > first[row.iid]} == set(first)
    assert 240 <= pauses[0] <= 300
    assert all(330 <= pause <= 345 for pause in pauses[1:])  # after the leader's next
    assert [one.told for one in processes] == [[10]] * 5
    assert sums(license) == (50, 0)


def test_when_the_leader_was_killed_another_leads_and_says_goodbye_for_it(
    start: Callable[..., Process], world: World, asked: list[str], license: License
):
    processes = [start(10) for _ in range(4)]
    for _ in range(2):
        for one in processes:
            one.lease.beat()
        world.passed += 300
    kill(processes[0])
    del asked[:]

    for one in processes[1:]:
        one.lease.beat()

    assert asked == ["DELETE", "POST"]
    assert sums(license) == (30, 0)


def test_two_that_live_in_one_slot_are_two_and_a_restart_takes_the_place_of_the_dead(
    start: Callable[..., Process], world: World, license: License, monkeypatch: pytest.MonkeyPatch
):
    """The variable of a whole service: each of its processes would be a restart of the other."""
    monkeypatch.setenv("WHEELBARROW_SLOT", "1")
    first, second = start(10), start(10)
    for _ in range(2):
        first.lease.beat()
        second.lease.beat()
        world.passed += 300
    assert sums(license) == (20, 0)

    kill(first)
    restarted = start(10)
    restarted.lease.beat()

    assert sums(license) == (20, 0)
    held = Row.objects.exclude(slot="").get()
    assert str(held.iid) == restarted.lease.iid


def test_a_child_is_not_the_restart_of_its_parent(
    start: Callable[..., Process], license: License, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WHEELBARROW_SLOT", "1")
    parent, child = start(10), start(10)
    parent.lease.beat()

    child.lease.after_fork_in_child()
    child.lease.beat()

    assert sums(license) == (20, 0)


def test_more_is_asked_for_alone_and_at_once(
    start: Callable[..., Process], world: World, asked: list[str]
):
    one, two = start(10), start(10)
    for _ in range(2):
        one.lease.beat()
        two.lease.beat()
        world.passed += 300
    del asked[:]

    two.lease.resize(30)
    assert two.lease.verdict().threads == 30  # as at a start: until there is an answer
    two.lease.beat()
    world.passed += 300
    one.lease.beat()
    two.lease.beat()

    assert asked == ["PUT", "POST"]
    assert two.told == [10, 30]
    assert Row.objects.get(iid=two.lease.iid).firm == 30


def test_goodbye_leaves_the_others_as_they_are(
    start: Callable[..., Process], world: World, license: License, tmp_path: Path
):
    one, two = start(10), start(10)
    for process in (one, two, one, two):
        process.lease.beat()
        world.passed += 150

    one.lease._asker.goodbye()
    world.passed += 300
    two.lease.beat()

    assert sums(license) == (10, 0)
    assert [path.name for path in tmp_path.glob("*.member")] == [f"{two.lease.iid}.member"]


def test_goodbye_is_said_though_the_folder_can_no_longer_be_written_to(
    start: Callable[..., Process], asked: list[str], license: License, tmp_path: Path
):
    """Its process has given up the rights that it began with."""
    process = start(10)
    process.lease.beat()
    mine = tmp_path / f"{process.lease.iid}.member"
    mine.unlink()
    mine.mkdir()  # so that it cannot be unlinked, by root neither

    process.lease._asker.goodbye()

    assert asked == ["PUT", "DELETE"]
    assert sums(license) == (0, 0)


def test_a_verdict_for_all_reaches_each(
    start: Callable[..., Process], world: World, license: License
):
    processes = [start(10) for _ in range(3)]
    for one in processes:
        one.lease.beat()
    revoke_license(license.pk, at=timezone.now(), reason="charged back")

    world.passed += 300
    for one in processes:
        one.lease.beat()

    assert [one.told for one in processes] == [[10, 0]] * 3


def test_an_answer_that_was_forged_replayed_or_made_for_others_is_not_taken(
    start: Callable[..., Process], world: World, asked: list[str], tmp_path: Path
):
    one, two = start(10), start(10)
    for process in (one, two):
        process.lease.beat()
    world.passed += 300
    one.lease.beat()
    together = Together(tmp_path)
    good = together.answer()
    assert good is not None
    late = world.passed + 1
    world.passed += 2
    for bad in (
        Envelope(good.token[:-9] + "A" * 9, good.nonce, good.seq, late),
        Envelope(good.token, "another nonce", good.seq, late),
        Envelope(good.token, good.nonce, good.seq, world.passed + 9999),  # of a boot before
        Envelope("", "", 0, late),
    ):
        together.put_answer(bad)
        del asked[:]
        two.lease.beat()
        assert asked == ["PUT"]
        world.passed += 300
    (tmp_path / "answer").write_bytes(b"\xff{")
    two.lease.beat()

    assert two.told == [10]


def test_a_member_that_the_server_cannot_read_stops_nobody(
    start: Callable[..., Process], world: World, asked: list[str], tmp_path: Path
):
    one, two = start(10), start(10)
    other = Together(tmp_path)
    other.join("not-a-uuid", {"threads": -1})
    for process in (one, two):
        process.lease.beat()

    world.passed += 300
    for process in (one, two):
        process.lease.beat()

    assert asked == ["PUT", "PUT", "POST", "PUT", "PUT"]
    other.leave()


def test_a_server_that_is_busy_is_asked_once(
    start: Callable[..., Process], world: World, asked: list[str]
):
    one = start(10)
    for _ in range(2):
        one.lease.beat()
        world.passed += 300
    del asked[:]

    one.fail(Unreachable("status 503", 120.0))
    pause = one.lease.beat()

    assert asked == ["POST"]
    assert pause >= 120
    assert one.told == [10]


def test_without_the_server_or_the_folder_each_has_its_threads(
    start: Callable[..., Process], world: World, tmp_path: Path, license: License
):
    processes = [start(10) for _ in range(3)]
    for one in processes:
        one.lease.beat()
        one.fail(Unreachable("connection refused"))
    for _ in range(5):
        world.passed += 900
        for one in processes:
            assert one.lease.beat() > 0
    for file in tmp_path.iterdir():
        file.unlink()
    tmp_path.rmdir()
    for one in processes:
        one.fail(None)
        one.lease.beat()

    assert [one.told for one in processes] == [[10]] * 3
    assert sums(license) == (30, 0)


def test_a_forked_child_is_a_member_of_its_own_and_holds_no_lock_of_its_parent(
    start: Callable[..., Process], world: World, tmp_path: Path
):
    parent = start(10)
    for _ in range(2):
        parent.lease.beat()
        world.passed += 300
    child = os.fork()
    if child == 0:
        parent.lease._asker.after_fork_in_child()  # what register_at_fork calls
        time.sleep(30)
        os._exit(0)
    time.sleep(0.3)
    kill(parent)

    alive, dead = Together(tmp_path).members()

    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert (alive, dead) == ([], [parent.lease.iid])


def test_kill_9_is_seen_at_once(tmp_path: Path):
    code = (
        "import sys, time, pathlib; from wheelbarrow_client.together import Together\n"
        "one = Together(pathlib.Path(sys.argv[1])); one.join('a', {'threads': 5})\n"
        "print(one.lead(), flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        env={"PYTHONPATH": str(SDK)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    mine = Together(tmp_path)
    mine.join("b", {"threads": 7})
    before = (mine.lead(), mine.members())

    process.kill()
    process.communicate()

    b, a = {"threads": 7, "iid": "b"}, {"threads": 5, "iid": "a"}
    assert before == (False, ([b, a], []))
    assert (mine.lead(), mine.members()) == (True, ([b], ["a"]))
    assert mine.members() == ([b], [])
    mine.leave()


def test_the_folder_is_this_users_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    folder = open_folder("7", "key", "hare-ent/2.1.0")

    assert folder is not None
    assert folder == open_folder("7", "key", "hare-ent/2.1.0")
    assert folder != open_folder("7", "key", "hare-ent/2.2.0")
    assert {path.stat().st_mode & 0o777 for path in (folder, folder.parent)} == {0o700}
    folder.parent.chmod(0o777)
    assert open_folder("7", "key", "hare-ent/2.1.0") is None


def test_a_folder_that_somebody_else_put_there_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (tmp_path / f"wheelbarrow-{os.geteuid()}").symlink_to(elsewhere)

    assert open_folder("7") is None
    assert list(elsewhere.iterdir()) == []
