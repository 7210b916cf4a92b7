"""How fast pages are while 40 readers take 20 MB wheels at 200 KB/s each.

    python -m bench.index.corpus /tmp/bench
    python -m bench.slow_clients /tmp/bench --granian /path/to/python

Every way that `deploy/` documents is asked in turn, and gunicorn alone, which it warns of: its
eight threads are held by eight readers. Prints how long pages took, and at what pace the readers
were served; exits with 1 when a documented way is slower than 10 ms (p99). Needs a quiet machine.
"""

import argparse
import http.client
import multiprocessing
import select
import socket
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.index import corpus, servers
from bench.index.run import HTML, request

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized

READERS, PACE = 40, 200_000  # bytes a second of each
TICK = 0.05  # seconds
ALLOWED = 10.0  # milliseconds, p99
DOCUMENTED = [
    "front-ours-granian",  # deploy/nginx.conf, files handed on
    "front-ours-alone-gunicorn",
    "front-ours-gunicorn",  # the same before the shop itself: nginx buffers the files
    "ours-static",
    "ours-granian",
]
WARNED_OF = ["ours-gunicorn"]


def read_slowly(port: int, path: str, key: str, read: "Synchronized[int]") -> None:
    """Take as much as the pace allows from each of the connections, for ever."""
    asked = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {key}\r\n\r\n".encode()
    readers = [_connect(port, asked) for _ in range(READERS)]
    while True:
        began = time.monotonic()
        for reader in select.select(readers, [], [], 0)[0]:
            taken = len(reader.recv(int(PACE * TICK)))
            read.value += taken
            if not taken:  # all of it, or hung up: the next one takes his place
                readers.remove(reader)
                readers.append(_connect(port, asked))
        time.sleep(max(began + TICK - time.monotonic(), 0))


def _connect(port: int, asked: bytes) -> socket.socket:
    reader = socket.socket()
    # A small window, so that what is not read stays at the server and not in the kernel.
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    reader.connect(("127.0.0.1", port))
    reader.sendall(asked)
    return reader


def time_pages(port: int, key: str, seconds: float) -> list[float]:
    """Milliseconds of each page, asked one after the other; 5,000 for one that never came."""
    connection, took = http.client.HTTPConnection("127.0.0.1", port, timeout=5), []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter()
        try:
            connection.request(
                "GET", "/simple/bench-lib-00/", headers={"Authorization": key, "Accept": HTML}
            )
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
        except OSError:
            connection.close()
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(0.005)
    return took


def measure(server: servers.Server, folder: Path, seconds: float) -> float:
    """Print a row; the p99 in milliseconds while the readers read."""
    key = (folder / "keys.good").read_text().split("\n")[0]
    page = request(f"{server.url}/simple/bench-large/", Authorization=key, Accept=HTML)[2]
    path = corpus.wheel_paths(page)[0]
    alone = time_pages(server.port, key, seconds)
    read = multiprocessing.Value("q", 0)
    readers = multiprocessing.Process(
        target=read_slowly, args=(server.port, path, key, read), daemon=True
    )
    readers.start()
    time.sleep(2)  # until what the kernel buffers is full
    before = read.value
    took = time_pages(server.port, key, seconds)
    pace = (read.value - before) / seconds / READERS / 1000
    memory = server.memory() / 1e6
    readers.kill()
    readers.join()
    slowest = _p99(took)
    print(
        f"| {server.name} | {statistics.median(alone):.1f} | {_p99(alone):.1f} |"
        f" {statistics.median(took):.1f} | {slowest:.1f} | {max(took):.0f} | {pace:.0f} |"
        f" {memory:.0f} |",
        flush=True,
    )
    return slowest


def _p99(took: list[float]) -> float:
    return sorted(took)[int(len(took) * 0.99)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.slow_clients", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--granian", default=sys.executable, help="a python that has granian")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--servers", nargs="+", default=[*DOCUMENTED, *WARNED_OF])
    options = parser.parse_args()
    print("| server | alone p50 ms | p99 | with readers p50 | p99 | max | KB/s each | MB |")
    print("|---|---|---|---|---|---|---|---|")
    slow = []
    for number, name in enumerate(options.servers):
        server = servers.start(
            name, options.folder, 18400 + number, python=options.granian, pypiserver=""
        )
        try:
            if measure(server, options.folder, options.seconds) > ALLOWED:
                slow.append(name)
        finally:
            server.stop()
    return int(bool(set(slow) & set(DOCUMENTED)))


if __name__ == "__main__":
    sys.exit(main())
