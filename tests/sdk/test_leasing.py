"""The client against the real application, and against servers that are dead, slow or lie."""

import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from wheelbarrow_client import leasing, living, verify
from wheelbarrow_client.leasing import Lease
from wheelbarrow_client.transport import BadCredential, Transport, Unreachable

from licenses.credentials import create_lease_credential
from licenses.documents import sign_document
from licenses.issuing import Grant, renew_license
from licenses.models import Lease as Row
from licenses.models import License, SigningKey
from licenses.root_key import public_key_text
from licenses.signing_keys import issue_signing_key, revoke_signing_key
from licenses.status import lapse_license, revoke_license
from tests.licenses.leasing import BOTH, limited, sums
from tests.sdk.processes import InProcess, Process, World

pytestmark = [pytest.mark.django_db(databases=BOTH), pytest.mark.usefixtures("root_key")]


@pytest.fixture
def license() -> License:
    return limited(100)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def start(license: License, world: World) -> Any:
    token = create_lease_credential(license.pk, name="prod", at=timezone.now())[1]
    return lambda wanted, **options: Process(license, token, wanted, world, **options)


@pytest.fixture(autouse=True)
def _no_leases_left() -> Iterator[None]:
    yield
    living.leases.clear()


def test_a_process_runs_at_once_and_corrects_itself_with_the_answer(start, license: License):
    processes = [start(50) for _ in range(5)]

    pauses = [one.lease.beat() for one in processes]

    assert [one.told[0] for one in processes] == [50] * 5
    assert [one.told[-1] for one in processes] == [50, 50, 50, 50, 0]
    assert sums(license) == (110, 90)
    assert 240 <= pauses[0] <= 360
    assert 48 <= pauses[4] <= 72


def test_the_one_that_stands_by_says_limit_and_url_once(start, caplog):
    processes = [start(50) for _ in range(5)]
    for one in [*processes, processes[4]]:
        one.lease.beat()

    lines = [r.getMessage() for r in caplog.records if r.name == "wheelbarrow_client"]

    license = License.objects.get()
    assert lines == [
        (
            "50 threads wanted, 0 may run (OVER_LIMIT). The license allows 100 threads; all of "
            f"them are in use. http://testserver/account/licenses/{license.pk}/threads/"
        )
    ]


def test_it_works_within_next_s_after_another_said_goodbye(start, world: World):
    processes = [start(50) for _ in range(5)]
    for one in processes:
        one.lease.beat()
    processes[0].lease._thread = threading.current_thread()  # it was running
    processes[0].lease.stop()

    processes[4].lease.beat()

    assert processes[4].told == [50, 0, 50]


def test_a_dead_server_takes_no_thread_and_is_asked_ever_less_often(start, world: World):
    process = start(50)
    process.fail(Unreachable("connection refused"))

    pauses = [process.lease.beat() for _ in range(12)]
    world.passed += 29 * 86_400
    process.lease.beat()

    assert process.told == [50]
    assert 15 <= pauses[0] <= 30
    assert all(450 <= pause <= 900 for pause in pauses[5:])


def test_after_a_month_of_silence_the_license_itself_is_the_limit(start, world: World):
    process = start(300)
    process.fail(Unreachable("down"))
    process.lease.beat()
    world.passed += 30 * 86_400 + 1
    process.lease.beat()

    assert process.told == [300, 100]


def test_a_busy_server_is_left_alone_as_long_as_it_asks(start):
    process = start(50)
    process.fail(Unreachable("status 503", 120.0))

    assert process.lease.beat() >= 120
    assert process.told == [50]


def test_an_unknown_credential_stops_nothing_and_is_said(start, caplog):
    process = start(50)
    process.fail(BadCredential("The credential is unknown"))

    process.lease.beat()

    assert process.told == [50]
    assert "The credential is unknown. Everything runs as before." in caplog.text


@pytest.mark.parametrize("lie", ["replayed", "forged", "of another process", "garbage"])
def test_an_answer_that_is_not_ours_is_ignored(start, license: License, monkeypatch, lie: str):
    process, other = start(50), start(10)
    kept: list[str] = []
    real = InProcess.put_lease

    def put(self: InProcess, iid: str, body: dict[str, Any]) -> str:
        if lie == "garbage":
            return "v4.public.AAAA.AAAA"
        kept.append(real(self, iid, body))
        if lie == "forged":
            return kept[0][:60] + ("A" if kept[0][60] != "A" else "B") + kept[0][61:]
        return kept[0]

    monkeypatch.setattr(InProcess, "put_lease", put)
    if lie != "of another process":
        process.lease.beat()
    else:
        other.lease.beat()
    revoke_license(license.pk, at=timezone.now(), reason="test")

    process.lease.beat()

    assert process.told == [50]


def test_a_renewal_and_an_upgrade_arrive_without_restart(start, license: License):
    found: list[str] = []
    process = start(300, on_document=lambda text, document: found.append(text))
    process.lease.beat()
    grant = Grant(
        tier_id=license.tier_id, kind="limited", threads=300, paid_through=license.paid_through
    )
    renew_license(license.pk, grant=grant, at=timezone.now())

    process.lease.beat()

    assert process.told == [300, 200, 300]
    assert process.lease.document.rev == 2
    assert verify(found[0], [public_key_text()]).threads == 300


def test_a_revoked_license_takes_no_paid_work_after_the_next_answer(start, license: License):
    process = start(50)
    process.lease.beat()
    revoke_license(license.pk, at=timezone.now(), reason="chargeback")

    process.lease.beat()

    assert process.told == [50, 0]


def test_a_lapsed_license_refuses_only_releases_that_it_does_not_cover(start, license: License):
    old = start(10, released_at=datetime(2026, 1, 1, tzinfo=UTC))
    new = start(10, released_at=timezone.now() + timedelta(days=90))
    lapse_license(license.pk, at=timezone.now(), reason="ended")

    old.lease.beat()
    new.lease.beat()

    assert (old.told, new.told) == ([10], [10, 0])


def test_after_a_key_was_revoked_the_license_comes_anew_by_the_lease(
    start, license: License, django_capture_on_commit_callbacks
):
    process = start(10)
    process.lease.beat()
    now = timezone.now()
    first = SigningKey.objects.get(use=SigningKey.Use.LICENSE)
    with django_capture_on_commit_callbacks(execute=True):
        issue_signing_key(SigningKey.Use.LICENSE, at=now)
        revoke_signing_key(first.kid, at=now)
    process.lease._keys_at = None

    process.lease.beat()

    assert process.lease._asker.refused_keys == {first.kid}
    assert process.lease.document.rev == 2


def test_a_clock_that_is_a_day_off_changes_nothing(start, time_machine):
    process = start(10)
    process.lease.beat()
    now = timezone.now()
    for hours in (25, -25, 0):
        time_machine.move_to(now + timedelta(hours=hours))
        process.lease.beat()

    assert process.told == [10]


def test_a_machine_that_slept_for_eight_hours_has_its_threads(start, world: World):
    process = start(10)
    process.lease.beat()
    world.passed += 8 * 3600
    Row.objects.all().delete()

    before = process.lease.verdict().threads
    process.lease.beat()

    assert (before, process.told) == (10, [10])


def test_a_child_has_a_lease_of_its_own(start, license: License):
    process = start(10)
    process.lease.beat()
    parent = process.lease.iid

    process.lease.after_fork_in_child()  # what register_at_fork calls
    process.lease.beat()

    assert process.lease.iid != parent
    assert sums(license) == (20, 0)
    assert uuid.UUID(process.lease.iid).version == 4


def test_without_a_folder_too_a_child_is_not_the_restart_of_its_parent(
    start, license: License, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WHEELBARROW_SLOT", "1")
    parent, child = start(10), start(10)
    parent.lease.beat()

    child.lease.after_fork_in_child()
    child.lease.beat()

    assert sums(license) == (20, 0)


def test_in_tests_and_ci_no_thread_is_started_and_nothing_is_asked(start, monkeypatch):
    process = start(500)
    process.fail(AssertionError("asked"))

    verdict = process.lease.start()

    assert verdict.threads == 500
    assert process.lease._thread is None


def test_in_production_a_thread_beats_and_ends_with_the_lease(monkeypatch):
    monkeypatch.setattr(leasing, "is_offline", lambda: False)
    document = verify(sign_document(limited(100), at=timezone.now()), [public_key_text()])
    beats = threading.Event()

    class Dead(Transport):
        def _send(self, *args: Any, **options: Any) -> tuple[str, str]:
            beats.set()
            raise Unreachable("refused")

    lease = Lease(
        document, wanted=5, transport=Dead("http://x", "k"), roots=[], on_change=lambda _: None
    )
    began = time.monotonic()
    lease.start()
    took = time.monotonic() - began
    assert beats.wait(5)
    thread = lease._thread
    assert thread is not None
    lease.stop()
    thread.join(5)

    assert took < 0.5
    assert not thread.is_alive()
    assert thread.daemon


def test_whatever_on_change_raises_stays_here(start, caplog):
    process = start(50)
    process.lease._on_change = lambda verdict: 1 / 0
    process.lease._told = None

    process.lease.beat()

    assert "on_change failed" in caplog.text
