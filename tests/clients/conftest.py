"""A live server on loopback, and real installers and uploaders against it."""

import contextlib
import hashlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.pkgindex.wheels import build_sdist, build_wheel, metadata_text, wheel_name

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
TOOLS = [
    "poetry==2.5.1", "poetry-plugin-pypi-mirror==0.6.5", "pdm[locked]==2.29.3", "hatch==1.18.2",
    "flit==4.2.0",
]  # fmt: skip
HOSTILE = "99.0"  # what a stranger published under our names on the other index
CLEAN = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "NO_COLOR": "1", "COLUMNS": "300"}


@dataclass(frozen=True)
class Run:
    """How a command ended, and all that it said, on one line."""

    code: int
    said: str
    raw: str = ""  # the same as it was written


def run(*command: str | Path, env: dict[str, str] | None = None) -> Run:
    done = subprocess.run(
        [str(part) for part in command],
        env=CLEAN | (env or {}),
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=400,
        check=False,
    )
    return Run(done.returncode, " ".join(done.stdout.split()), done.stdout)


@dataclass(frozen=True)
class Server:
    """The whole application in a process of its own, with its own database."""

    url: str
    env: dict[str, str]
    pid: int

    def peak_memory(self) -> int:
        """The most bytes that the workers ever held, together."""
        workers = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        peaks = [
            re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{worker}/status").read_text())
            for worker in workers
        ]
        return sum(int(peak[1]) * 1024 for peak in peaks if peak)

    def forgive(self) -> None:
        """Forget the wrong keys so far; in place, for the workers have mapped the file."""
        counters = Path(self.env["DATA_DIR"], "index/failures")
        if counters.exists():
            with counters.open("r+b") as file:
                file.write(bytes(counters.stat().st_size))

    def seed(self, *what: str) -> dict[str, str]:
        done = run(sys.executable, "-m", "tests.clients.seed", *what, env=self.env)
        assert done.code == 0, done.said
        keys: dict[str, str] = json.loads(done.raw)
        return keys

    def index_url(self, key: str = "") -> str:
        user = f"__token__:{key}@" if key else ""
        return f"{self.url.replace('://', f'://{user}')}/simple/"


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another index: it has a foreign project, and hostile ones under names of ours."""
    root = tmp_path_factory.mktemp("upstream")
    for name in ("foreign", "hare", "hare-pro", "hare-ent", "hare-cloud"):
        folder = root / "simple" / name
        folder.mkdir(parents=True)
        file, content = wheel_name(name, HOSTILE), build_wheel(name, HOSTILE)
        (folder / file).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        link = f'<a href="{file}#sha256={digest}">{file}</a>'
        (folder / "index.html").write_text(f"<!DOCTYPE html><title>{name}</title>{link}")
    port = free_port()
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "-d", root, str(port)]
    with running(command, port, CLEAN, root / "log"):
        yield f"http://127.0.0.1:{port}/simple"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, upstream: str) -> Iterator[Server]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    data = tmp_path_factory.mktemp("data")
    env = {
        "DEMO": "1",
        "SECRET_KEY": "k" * 60,
        "BASE_URL": url,
        "DATA_DIR": str(data),
        "INDEX_UPSTREAM": upstream,
        "MAX_UPLOAD_MB": "250",
        "PORT": str(port),
        "HOME": str(data),
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    migrated = run(sys.executable, ROOT / "manage.py", "migrate", "-v0", env=env)
    assert migrated.code == 0, migrated.said
    options = ("-c", ROOT / "config/gunicorn.py", "--no-control-socket")
    command = [BIN / "gunicorn", *options, "config.wsgi"]
    with running(command, port, CLEAN | env, data / "log") as process:
        yield Server(url, env, process.pid)


@pytest.fixture(autouse=True)
def _nobody_failed_before(request: pytest.FixtureRequest) -> None:
    """All of these tests come from one address; ten wrong keys of it are soon used up."""
    if "server" in request.fixturenames:
        request.getfixturevalue("server").forgive()


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files to upload: a public project, Pro in two versions, and Enterprise."""
    folder = tmp_path_factory.mktemp("dist")
    for name, version in [("hare", "1.0"), ("hare-pro", "1.0"), ("hare-pro", "2.0")]:
        (folder / wheel_name(name, version)).write_bytes(build_wheel(name, version))
    (folder / "hare_pro-1.0.tar.gz").write_bytes(build_sdist("hare-pro", "1.0"))
    enterprise = build_wheel(
        "hare-ent",
        "1.0",
        metadata_text("hare-ent", "1.0", requires_python=">=3.8", requires=("hare-pro", "hare")),
    )
    (folder / wheel_name("hare-ent", "1.0")).write_bytes(enterprise)
    return folder


@pytest.fixture(scope="session")
def upload_keys(server: Server) -> dict[str, str]:
    return server.seed("before")


@pytest.fixture(scope="session")
def keys(server: Server, dist: Path, upload_keys: dict[str, str]) -> dict[str, str]:
    """A key for each kind of customer, once twine and uv have published everything."""
    sent = twine(server, upload_keys["upload"], *sorted(dist.glob("hare*-*")))
    assert sent.code == 0, sent.said
    return server.seed("after")


def twine(server: Server, token: str, *files: Path, path: str = "/legacy/") -> Run:
    return run(
        BIN / "twine", "upload", "--disable-progress-bar", "--non-interactive",
        "--repository-url", f"{server.url}{path}", *files,
        env={"TWINE_USERNAME": "__token__", "TWINE_PASSWORD": token, "HOME": "/nonexistent"},
    )  # fmt: skip


def uv_publish(server: Server, token: str, *files: Path, path: str = "/legacy/") -> Run:
    return run(
        BIN / "uv", "publish", "--no-config", "--publish-url", f"{server.url}{path}", *files,
        env={"UV_PUBLISH_TOKEN": token, "HOME": "/nonexistent", "UV_NO_CACHE": "1"},
    )  # fmt: skip


@dataclass(frozen=True)
class Environment:
    """A fresh virtual environment and the installer that fills it."""

    python: Path
    command: tuple[str | Path, ...]
    env: dict[str, str]

    def install(self, server: Server, key: str, *wanted: str) -> Run:
        return run(*self.command, "--index-url", server.index_url(key), *wanted, env=self.env)

    def version_of(self, module: str) -> str:
        """What is installed as *module*: "" if nothing is."""
        code = f"import {module}; print({module}.VERSION)"
        done = run(self.python, "-c", code)
        return done.said if done.code == 0 else ""


@pytest.fixture(scope="session")
def pips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """pip 23.2.1 and the newest one, as wheels that run without being installed."""
    folder = tmp_path_factory.mktemp("pips")
    found = {}
    for name in ("pip==23.2.1", "pip"):
        where = folder / name
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", where, name],
            check=True,
            timeout=180,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        (found[name],) = where.glob("pip-*.whl")
    return found


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the programs of poetry, pdm, hatch and flit lie, in an environment of their own."""
    folder = tmp_path_factory.mktemp("tools")
    venv.create(folder, with_pip=False, symlinks=True)
    install = [BIN / "uv", "pip", "install", "-q", "--python", folder / "bin/python", *TOOLS]
    subprocess.run(install, check=True, timeout=300)
    return folder / "bin"


@pytest.fixture(params=["pip==23.2.1", "pip", "uv"])
def installer(request: pytest.FixtureRequest, tmp_path: Path, pips: dict[str, Path]) -> Environment:
    """Each of the installers in turn, with a fresh environment and an empty cache."""
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    python = tmp_path / "venv/bin/python"
    env = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": "/dev/null", "UV_NO_CONFIG": "1"}
    command: tuple[str | Path, ...] = (
        (BIN / "uv", "pip", "install", "--python", python)
        if request.param == "uv"
        else (
            python,
            pips[request.param] / "pip",
            "install",
            "--no-input",
            "--disable-pip-version-check",
        )
    )
    return Environment(python, command, env | {"UV_CACHE_DIR": str(tmp_path / "cache")})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], port: int, env: dict[str, str], log: Path
) -> "Iterator[subprocess.Popen[bytes]]":
    """A server in a process of its own, from its first answer on to the end of the block."""
    with log.open("w") as output:
        process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=output, stderr=output)
    try:
        _wait(port, process, log)
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _wait(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(150):
        assert process.poll() is None, log.read_text()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.closing(connection), contextlib.suppress(OSError):
            connection.request("GET", "/simple/")
            assert connection.getresponse().status == 200
            return
        time.sleep(0.2)
    raise AssertionError(log.read_text())
