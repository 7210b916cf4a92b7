"""Real installers while what stands behind the index is locked, spoiled, gone or being killed."""

import os
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.clients.conftest import BIN, CLEAN, ROOT, Environment, Server, free_port, running

pytestmark = [
    pytest.mark.clients,
    pytest.mark.enable_socket,
    pytest.mark.parametrize("installer", ["pip", "uv"], indirect=True),
]


def assert_installs(server: Server, key: str, installer: Environment) -> None:
    done = installer.install(server, key, "--force-reinstall", "hare-pro")

    assert done.code == 0, done.said
    assert installer.version_of("hare_pro") == "2.0"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Nobody else writes to the database meanwhile."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as database:
        database.execute("BEGIN EXCLUSIVE")
        yield
        database.execute("ROLLBACK")


def test_installs_go_on_while_the_database_is_locked(
    server: Server, keys: dict[str, str], installer: Environment
):
    with locked(Path(server.env["DATA_DIR"], "wheelbarrow.sqlite3")):
        began = time.monotonic()
        assert_installs(server, keys["pro"], installer)

        assert time.monotonic() - began < 15  # a writer would wait for 20 seconds


def test_installs_go_on_while_workers_are_killed(
    server: Server, keys: dict[str, str], installer: Environment
):
    def kill_one() -> None:
        time.sleep(0.2)
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)

    for _ in range(3):
        killer = threading.Thread(target=kill_one)
        killer.start()
        assert_installs(server, keys["pro"], installer)
        killer.join()


@pytest.mark.parametrize("database", ["spoiled", "gone"])
def test_installs_go_on_without_a_database(
    server: Server, keys: dict[str, str], installer: Environment, tmp_path: Path, database: str
):
    """Also after a restart, which is when everything is opened anew."""
    data = tmp_path / "shop"
    for name in ("index", "files"):
        shutil.copytree(Path(server.env["DATA_DIR"], name), data / name)
    if database == "spoiled":
        (data / "wheelbarrow.sqlite3").write_bytes(b"\xa5" * 8192)
    port = free_port()
    env = server.env | {"DATA_DIR": str(data), "PORT": str(port)}
    gunicorn = [BIN / "gunicorn", "-c", ROOT / "config/gunicorn.py", "--no-control-socket"]
    with running([*gunicorn, "config.wsgi"], port, CLEAN | env, tmp_path / "log") as process:
        assert_installs(
            Server(f"http://127.0.0.1:{port}", env, process.pid), keys["pro"], installer
        )
