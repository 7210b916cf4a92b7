"""The whole shop as `deploy/` sets it up, on loopback: nginx, gunicorn, `work`, and two processes
of the index. What ends or is killed is started again a second later, as systemd does.
"""

import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.clients.conftest import BIN, CLEAN, ROOT, free_port, run
from tests.clients.nginx import configuration, without_tls

RESTART_SEC = 1.0


class Unit:
    """A service: one command, kept alive."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        env: dict[str, str],
        log: Path,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.name, self.env, self.address, self.port = name, env, address, port
        self._command, self._log = command, log
        self._wanted = self._at_once = False
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper = threading.Thread()

    def start(self) -> None:
        self._wanted = True
        self._keeper = threading.Thread(target=self._keep)
        self._keeper.start()
        self.wait()

    def stop(self) -> None:
        self._wanted = False
        self._end()
        self._keeper.join()

    def restart(self, **env: str) -> None:
        """As `systemctl restart`: over when the new process answers."""
        self.env |= env
        self._at_once = True
        self._end()
        self.wait()

    def wait(self) -> None:
        """Until it answers; what has no port is taken at its word."""
        for _ in range(600):
            if self._answers():
                return
            time.sleep(0.1)
        raise AssertionError(f"{self.name} does not answer: {self._log.read_text()[-2000:]}")

    def pids(self) -> list[int]:
        """The process and its children."""
        pid = self._main()
        with contextlib.suppress(OSError):
            listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            return [pid, *map(int, listed)]
        return []

    def signal(self, number: int) -> None:
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self, dice: random.Random) -> None:
        """kill -9 of the process or of one of its children; over when all is as before."""
        main, *others = self.pids()
        victim = dice.choice([main, *others])
        os.kill(victim, signal.SIGKILL)
        while victim in self.pids() or (victim == main and self._main() == main):
            time.sleep(0.02)  # or what it leaves behind would answer for a moment
        self.wait()

    def _main(self) -> int:
        return self._process.pid if self._process else 0

    def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            return False
        if not self.port:
            return True
        connection = http.client.HTTPConnection(self.address, self.port, timeout=5)
        with (
            contextlib.closing(connection),
            contextlib.suppress(OSError, http.client.HTTPException),
        ):
            connection.request("GET", "/simple/")
            return connection.getresponse().status == 200
        return False

    def _end(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(40)
            process.kill()

    def _keep(self) -> None:
        while self._wanted:
            with self._log.open("a") as output:
                self._process = subprocess.Popen(
                    self._command,
                    env=CLEAN | self.env,
                    cwd=ROOT,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            self._process.wait()
            self._end_family()
            if self._wanted and not self._at_once:
                time.sleep(RESTART_SEC)
            self._at_once = False

    def _end_family(self) -> None:
        """systemd leaves nobody of the service behind."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


@dataclass
class Site:
    folder: Path
    url: str
    keys: dict[str, str]
    env: dict[str, str]
    units: dict[str, Unit]

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def databases(self) -> list[Path]:
        return sorted(self.data.glob("*.sqlite3"))

    @property
    def indexes(self) -> list[Unit]:
        return [unit for name, unit in self.units.items() if name.startswith("index")]

    def index_url(self) -> str:
        user = f"__token__:{self.keys['pro']}@"
        return f"{self.url.replace('://', f'://{user}')}/simple/"

    def manage(self, *command: str, **env: str) -> None:
        """Whatever comes of it: it is what stands behind the index."""
        run(sys.executable, ROOT / "manage.py", *command, env=self.env | env)

    def statuses(self) -> list[int]:
        """Of all answers of nginx so far."""
        return [int(line) for line in (self.folder / "access.log").read_text().split()]

    def kill_one(self, dice: random.Random) -> str:
        """kill -9 of some process of the index or the shop; back when its service is."""
        unit = dice.choice([*self.indexes, self.units["shop"]])
        unit.kill(dice)
        return unit.name


@contextlib.contextmanager
def open_site(
    folder: Path, *, python: str = sys.executable, listen: str = "127.0.0.1", host: str = ""
) -> Iterator[Site]:
    """*python* runs the index: under granian if it has it. nginx listens on the address *listen*,
    which *host* is another name for.
    """
    ports = {name: free_port() for name in ("nginx", "shop", "index-1", "index-2")}
    url, data = f"http://{host or listen}:{ports['nginx']}", folder / "data"
    data.mkdir(exist_ok=True)
    env = {
        "DEMO": "1",
        "SECRET_KEY": "k" * 60,
        "BASE_URL": url,
        "DATA_DIR": str(data),
        "PORT": str(ports["shop"]),
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "TRUSTED_PROXIES": "1",
    }
    for command in (["migrate", "-v0"], ["migrate", "-v0", "--database", "volatile"]):
        done = run(sys.executable, ROOT / "manage.py", *command, env=env)
        assert done.code == 0, done.said
    done = run(sys.executable, "-m", "tests.clients.seed", "installable", env=env)
    assert done.code == 0, done.said
    units = _units(folder, env, ports, python) | {"nginx": _nginx(folder, ports, listen)}
    try:
        for unit in units.values():
            unit.start()
        yield Site(folder, url, json.loads(done.raw), env, units)
    finally:
        for unit in reversed(units.values()):
            unit.stop()


def _units(
    folder: Path, env: dict[str, str], ports: dict[str, int], python: str
) -> dict[str, Unit]:
    gunicorn = [BIN / "gunicorn", "-c", ROOT / "config/gunicorn.py", "--no-control-socket"]
    commands: dict[str, list[str | Path]] = {
        "shop": [*gunicorn, "config.wsgi"],
        "work": [sys.executable, ROOT / "manage.py", "work"],
    }
    own = {name: dict(env) for name in commands}
    for name in ("index-1", "index-2"):
        commands[name] = index_command(python, folder / "data", f"127.0.0.1:{ports[name]}")
        own[name] = {
            "PYTHONPATH": str(ROOT), "TRUSTED_PROXIES": "1", "INDEX_HAND_ON_TO": "/stored/"
        }  # fmt: skip
    return {
        name: Unit(name, command, own[name], folder / f"{name}.log", port=ports.get(name, 0))
        for name, command in commands.items()
    }


def index_command(python: str, data: Path, listen: str) -> list[str | Path]:
    return [
        python, "-m", "pkgindex.index", "--snapshot", data / "index/snapshot.sqlite3",
        "--files", data / "files", "--state", data / "index", "--listen", listen,
    ]  # fmt: skip


def _nginx(folder: Path, ports: dict[str, int], address: str) -> Unit:
    """`deploy/nginx.conf` without TLS; it notes the status of each answer."""
    text = (ROOT / "deploy/nginx.conf").read_text()
    listen = f"listen {address}:{ports['nginx']}; access_log {folder}/access.log status;"
    for old, new in {
        "listen 443 ssl http2;": listen,
        "127.0.0.1:8000": f"127.0.0.1:{ports['shop']}",
        "127.0.0.1:8001": f"127.0.0.1:{ports['index-1']}",
        "127.0.0.1:8002": f"127.0.0.1:{ports['index-2']}",
        "/srv/wheelbarrow/var/files/": f"{folder}/data/files/",
    }.items():
        assert old in text
        text = text.replace(old, new)
    http = "log_format status $status;\n" + without_tls(text)
    (folder / "nginx.conf").write_text(configuration(folder, http))
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
    command = [program, "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"]
    log = folder / "nginx.log"
    return Unit("nginx", command, {}, log, address=address, port=ports["nginx"])
