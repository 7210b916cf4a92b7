"""The servers that are compared. Each is one worker process, pinned to the first core."""

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
{user}
events {{ worker_connections 2048; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  types {{ text/html html; application/octet-stream whl; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024; root {corpus}/static;
    auth_basic "index"; auth_basic_user_file {corpus}/htpasswd;
  }}
}}
"""
_PYPISERVER = """
import pypiserver
application = pypiserver.app(
    roots=[{flat!r}], password_file={htpasswd!r}, authenticate=["list", "download", "update"],
    disable_fallback=True,
)
"""


@dataclass
class Server:
    name: str
    port: int
    processes: "list[subprocess.Popen[bytes]]"
    has_etags: bool = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cpu(self) -> float:
        """Seconds that the server's processes used so far."""
        ticks = 0
        for pid in self._pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])  # utime, stime
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Resident bytes of all its processes."""
        pages = [Path(f"/proc/{pid}/statm").read_text() for pid in self._pids()]
        return sum(int(line.split()[1]) for line in pages) * os.sysconf("SC_PAGE_SIZE")

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
            process.wait(20)

    def _pids(self) -> list[int]:
        return [pid for process in self.processes for pid in _family(process.pid)]


def start(name: str, corpus: Path, port: int, *, python: str, pypiserver: str) -> Server:
    """*python* runs granian; *pypiserver* is the interpreter of its own environment.

    What is named "front-…" stands behind the nginx of `deploy/`, on the port 100 above.
    """
    folder = corpus / "run" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    behind = name.removeprefix("front-")
    own_port = port if behind == name else port + 100
    command, env = {
        "ours-gunicorn": _ours_mounted,
        "ours-granian": lambda *_: _ours_alone(corpus, own_port, python, "granian"),
        "ours-alone-gunicorn": lambda *_: _ours_alone(corpus, own_port, sys.executable, "gunicorn"),
        "ours-static": _ours_static,
        "nginx": _nginx,
        "pypiserver": lambda *_: _pypiserver(corpus, folder, port, pypiserver),
    }[behind](corpus, folder, own_port)
    server = Server(name, port, [], has_etags=name != "pypiserver")
    if behind != name:
        env |= {"INDEX_HAND_ON_TO": "/stored/", "TRUSTED_PROXIES": "1"}
        server.processes.append(_run(folder / "front.log", _front(corpus, folder, port), {}))
    server.processes.append(_run(folder / "log", command, env))
    _wait(server)
    return server


def _run(log: Path, command: list[str], env: dict[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        ["taskset", "-c", "0", *command],
        env=os.environ | env,
        cwd=ROOT,
        stdout=log.open("wb"),
        stderr=subprocess.STDOUT,
    )


def _family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    listed = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [pid, *(member for row in listed for child in row for member in _family(int(child)))]


def _ours_mounted(corpus: Path, _folder: Path, port: int) -> tuple[list[str], dict[str, str]]:
    own = ["--workers", "1", "--threads", "8", "--worker-class", "gthread", "--no-control-socket"]
    bind = ["--bind", f"127.0.0.1:{port}"]
    return [sys.executable, "-m", "gunicorn", *bind, *own, "config.wsgi"], _shop(corpus)


def _shop(corpus: Path) -> dict[str, str]:
    return {"DEBUG": "1", "DATA_DIR": f"{corpus}/data", "BASE_URL": "http://localhost"}


def _ours_alone(
    corpus: Path, port: int, python: str, server: str
) -> tuple[list[str], dict[str, str]]:
    command = [
        python, "-m", "pkgindex.index", "--server", server, "--listen", f"127.0.0.1:{port}",
        "--snapshot", f"{corpus}/data/index/snapshot.sqlite3", "--files", f"{corpus}/data/files",
        "--state", f"{corpus}/run/state-{server}",
    ]  # fmt: skip
    return command, {}


def _front(corpus: Path, folder: Path, port: int) -> list[str]:
    """`deploy/nginx.conf` without TLS, before the port 100 above."""
    text = (ROOT / "deploy/nginx.conf").read_text()
    text = re.sub("127.0.0.1:800[0-9]", f"127.0.0.1:{port + 100}", text)
    text = text.replace("/srv/wheelbarrow/var/files/", f"{corpus}/data/files/")
    return _deployed(folder, text, port)


def _ours_static(corpus: Path, folder: Path, port: int) -> tuple[list[str], dict[str, str]]:
    """What `export_index` writes, under `deploy/nginx-static.conf`."""
    subprocess.run(
        [sys.executable, "manage.py", "export_index", f"{corpus}/export"],
        env=os.environ | _shop(corpus),
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    text = (ROOT / "deploy/nginx-static.conf").read_text().replace("/srv/index", f"{corpus}/export")
    module = "load_module /usr/lib/nginx/modules/ngx_http_js_module.so;"
    return _deployed(folder, text, port, module), {}


def _deployed(folder: Path, text: str, port: int, module: str = "") -> list[str]:
    """nginx, one worker, with a file of `deploy/`, without TLS."""
    text = text.replace("listen 443 ssl http2;", f"listen 127.0.0.1:{port} backlog=1024;")
    lines = (line for line in text.splitlines() if "ssl_certificate" not in line)
    user = "user root;" if os.getuid() == 0 else ""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"{module}{user} daemon off; worker_processes 1; pid {folder}/pid;\n"
        "events { worker_connections 2048; }\n"
        "http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;\n"
        + places + "\n".join(lines) + "\n}\n"
    )  # fmt: skip
    return ["nginx", "-e", f"{folder}/error.log", "-p", str(folder), "-c", "nginx.conf"]


def _nginx(corpus: Path, folder: Path, port: int) -> tuple[list[str], dict[str, str]]:
    user = "user root;" if os.getuid() == 0 else ""
    text = _NGINX.format(corpus=corpus, folder=folder, port=port, user=user)
    (folder / "nginx.conf").write_text(text)
    return ["nginx", "-e", f"{folder}/error.log", "-p", str(folder), "-c", "nginx.conf"], {}


def _pypiserver(
    corpus: Path, folder: Path, port: int, python: str
) -> tuple[list[str], dict[str, str]]:
    module = _PYPISERVER.format(flat=f"{corpus}/flat", htpasswd=f"{corpus}/htpasswd")
    (folder / "bench_pypiserver.py").write_text(module)
    own = ["--workers", "1", "--threads", "8", "--worker-class", "gthread", "--no-control-socket"]
    bind = ["--bind", f"127.0.0.1:{port}", "--chdir", str(folder)]
    return [python, "-m", "gunicorn", *bind, *own, "bench_pypiserver"], {}


def _wait(server: Server) -> None:
    for _ in range(200):
        if any(process.poll() is not None for process in server.processes):
            raise SystemExit(f"{server.name} ended; its log lies in run/{server.name}")
        try:
            urllib.request.urlopen(server.url + "/simple/bench-lib-00/", timeout=5)
        except urllib.error.HTTPError as error:
            if error.code < 500:
                return
            time.sleep(0.1)  # the server behind nginx is not there yet
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{server.name} does not answer")
