"""What may be the matter behind the index, each as a block in which it is so."""

import contextlib
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from pysqlite3 import dbapi2 as sqlite3

from tests.clients.conftest import CLEAN, ROOT, run
from tests.clients.site import Site

Progress = Callable[[], int]  # how often it has happened
Outage = Callable[[Site], AbstractContextManager[Progress | None]]
_PADDING = 20_000_000  # bytes in the database, so that VACUUM has something to do


@contextmanager
def quiet(_site: Site) -> Iterator[None]:
    """Nothing."""
    yield


@contextmanager
def locked(site: Site) -> Iterator[None]:
    """Nobody else writes to a database."""
    with contextlib.ExitStack() as stack:
        for path in site.databases:
            database = stack.enter_context(_connected(path))
            database.execute("BEGIN EXCLUSIVE")
            stack.callback(database.execute, "ROLLBACK")
        yield


@contextmanager
def migrating(site: Site) -> Iterator[Progress]:
    """The tables of the index go back and forth."""

    def migrate() -> None:
        site.manage("migrate", "-v0", "pkgindex", "0003")
        site.manage("migrate", "-v0")

    with _repeated(migrate) as count:
        yield count
    site.manage("migrate", "-v0")


@contextmanager
def vacuum(site: Site) -> Iterator[Progress]:
    with _connected(site.data / "wheelbarrow.sqlite3") as database:
        database.execute("CREATE TABLE IF NOT EXISTS padding (bytes BLOB)")
        database.execute("INSERT INTO padding VALUES (randomblob(?))", (_PADDING,))

    def clean() -> None:
        with _connected(site.data / "wheelbarrow.sqlite3") as database:
            database.execute("VACUUM")

    with _repeated(clean) as count:
        yield count


@contextmanager
def deleted(site: Site) -> Iterator[None]:
    """No database; everything is started anew, which is when it is opened."""
    with _databases_aside(site):
        _restart_all(site)
        yield


@contextmanager
def spoiled(site: Site) -> Iterator[None]:
    """The same with a database of noise."""
    with _databases_aside(site) as aside:
        for path in aside:
            (site.data / path.name).write_bytes(random.Random(4).randbytes(path.stat().st_size))
        _restart_all(site)
        yield


@contextmanager
def full(site: Site) -> Iterator[None]:
    """Not one byte more can be written beside the database, the snapshot and the notes."""
    filler = site.data / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    yield
    filler.unlink()


@contextmanager
def stripe_away(site: Site) -> Iterator[None]:
    """Stripe takes calls and never answers."""
    with _silence() as port:
        site.units["shop"].restart(STRIPE_API_BASE=f"http://127.0.0.1:{port}")
        site.units["work"].restart(STRIPE_API_BASE=f"http://127.0.0.1:{port}")
        asking = _manage_on(site, "reconcile", STRIPE_API_BASE=f"http://127.0.0.1:{port}")
        yield
        asking.kill()
        asking.wait()


@contextmanager
def mail_away(site: Site) -> Iterator[None]:
    """The mail server takes the call and never says a word."""
    with _silence() as port:
        site.units["work"].restart(SMTP_URL=f"smtp://127.0.0.1:{port}")
        run(sys.executable, "-m", "tests.clients.seed", "mail", env=site.env)
        yield


@contextmanager
def shop_hangs(site: Site) -> Iterator[None]:
    """All of the shop stands still: pages, webhooks, `work`."""
    stopped = [site.units["shop"], site.units["work"]]
    for unit in stopped:
        unit.signal(signal.SIGSTOP)
    yield
    for unit in stopped:
        unit.signal(signal.SIGCONT)


@contextmanager
def restarts(site: Site) -> Iterator[Progress]:
    """An upgrade, again and again, as `deploy/wheelbarrow-index@.service` says."""

    def upgrade() -> None:
        for unit in [site.units["shop"], *site.indexes]:
            unit.restart()

    with _repeated(upgrade) as count:
        yield count


@contextmanager
def kills(site: Site) -> Iterator[Progress]:
    """kill -9 of whatever serves the index or the shop, one after the other."""
    dice = random.Random(4)
    with _repeated(lambda: site.kill_one(dice)) as count:
        yield count


OUTAGES: dict[str, Outage] = {
    outage.__name__: outage
    for outage in (
        quiet, locked, migrating, vacuum, deleted, spoiled, full, stripe_away, mail_away,
        shop_hangs, restarts, kills,
    )
}  # fmt: skip


@contextmanager
def _repeated(act: Callable[[], object]) -> Iterator[Progress]:
    """*act* again and again in a thread. Gives how often it was done; raises what it raised."""
    done, errors, over = 0, [], threading.Event()

    def work() -> None:
        nonlocal done
        while not over.is_set() and not errors:
            try:
                act()
                done += 1
            except BaseException as error:
                errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield lambda: done
    finally:
        over.set()
        thread.join()
    if errors:
        raise errors[0]


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(path, isolation_level=None, timeout=60)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def _databases_aside(site: Site) -> Iterator[list[Path]]:
    """Moved away with their logs, and back at the end."""
    aside = site.data / "aside"
    aside.mkdir()
    moved = [path.rename(aside / path.name) for path in site.data.glob("*.sqlite3*")]
    try:
        yield [path for path in moved if path.suffix == ".sqlite3"]
    finally:
        for unit in ("shop", "work"):
            site.units[unit].stop()
        for path in site.data.glob("*.sqlite3*"):
            path.unlink()
        for path in moved:
            path.rename(site.data / path.name)
        aside.rmdir()
        for unit in ("shop", "work"):
            site.units[unit].start()


def _restart_all(site: Site) -> None:
    for unit in [site.units["shop"], site.units["work"], *site.indexes]:
        unit.restart()


@contextmanager
def _silence() -> Iterator[int]:
    """A port that is listened at and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield server.getsockname()[1]


def _manage_on(site: Site, *command: str, **env: str) -> "subprocess.Popen[bytes]":
    time.sleep(0.1)
    return subprocess.Popen(
        [sys.executable, ROOT / "manage.py", *command],
        env=CLEAN | site.env | env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
