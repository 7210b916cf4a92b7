"""What the units of `deploy/` promise: nobody is refused while the shop restarts behind a socket of
systemd's. Of a replica's: `test_replica`.
"""

import socket
import subprocess
import threading
from pathlib import Path

import pytest

from tests.clients.conftest import BIN, CLEAN, ROOT, Server
from tests.clients.nginx import ask

pytestmark = [pytest.mark.clients, pytest.mark.enable_socket]

# As systemd passes it on: the first file descriptor behind standard error, for this process.
ACTIVATE = 'exec 3<&"$PASSED"; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"'


def start(server: Server, listener: socket.socket, log: Path) -> "subprocess.Popen[bytes]":
    gunicorn = [BIN / "gunicorn", "-c", ROOT / "config/gunicorn.py", "config.wsgi"]
    with log.open("ab") as output:
        return subprocess.Popen(
            ["bash", "-c", ACTIVATE, "bash", *gunicorn],
            env=CLEAN | server.env | {"PASSED": str(listener.fileno())},
            pass_fds=[listener.fileno()],
            cwd=ROOT,
            stdout=output,
            stderr=output,
        )


def test_nobody_is_refused_while_the_shop_restarts(
    server: Server, keys: dict[str, str], tmp_path: Path
):
    said, over = [], threading.Event()

    def ask_on(url: str) -> None:
        while not over.is_set():
            try:
                said.append(ask(url, "/simple/hare/").status)
            except OSError as error:
                said.append(repr(error))

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = start(server, listener, tmp_path / "log")
        threads = [threading.Thread(target=ask_on, args=[url]) for _ in range(4)]
        try:
            assert ask(url, "/simple/hare/").status == 200
            for thread in threads:
                thread.start()
            for _ in range(3):
                process.terminate()
                process.wait(40)
                process = start(server, listener, tmp_path / "log")
                assert ask(url, "/simple/hare/").status == 200
        finally:
            over.set()
            for thread in threads:
                thread.join()
            process.terminate()
            process.wait(40)

    assert len(said) > 50
    assert set(said) == {200}, (tmp_path / "log").read_text()[-3000:]
