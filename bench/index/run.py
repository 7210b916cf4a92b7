"""Compare our index with nginx and pypiserver, in paired runs.

    python -m bench.index.corpus /tmp/bench
    python -m bench.index.run /tmp/bench --repeats 3 --seconds 3 \
        --granian /path/to/python --pypiserver /path/to/python

Needs nginx and wrk. The server has core 0, wrk core 1. In each repeat the servers
take turns for each kind of request, so a ratio compares neighbours in time; medians are printed.
CPU seconds per 1,000 requests are what a busy machine distorts least.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from bench.index import corpus, servers

HTML = "text/html"


def request(url: str, **headers: str) -> tuple[int, dict[str, str], str]:
    asked = urllib.request.Request(
        url, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status, headers, answer.read().decode("latin-1")
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), ""


def kinds_of(server: servers.Server, folder: Path) -> dict[str, tuple[str, list[str], int]]:
    """kind → (file of keys, lines of paths, expected status), found by reading the pages."""
    key = (folder / "keys.good").read_text().split("\n")[0]
    small = [f"/simple/bench-lib-{number:02}/" for number in range(17)]

    def links(project: str) -> list[str]:
        page = request(f"{server.url}/simple/{project}/", Authorization=key, Accept=HTML)[2]
        if server.name == "pypiserver":
            return re.findall(r'href="(/[^"#]+\.whl)', page)
        return corpus.wheel_paths(page)

    kinds = {
        "small": ("good", small, 200),
        "close": ("good", small, 200),
        "long": ("good", [f"/simple/{corpus.LONG}/"], 200),
        "wheel1m": ("good", links("bench-mid"), 200),
        "wheel20m": ("good", links("bench-large"), 200),
        "denied": ("bad", small, 401),
    }
    if server.has_etags:
        tags = {
            path: request(server.url + path, Authorization=key, Accept=HTML)[1]["etag"]
            for path in small
        }
        kinds["cond"] = ("good", [f"{path}\t{tag}" for path, tag in tags.items()], 304)
        kinds["meta"] = ("good", [f"{path}.metadata" for path in links("bench-lib-00")], 200)
    return kinds


def measure(
    server: servers.Server, folder: Path, kind: str, what: tuple[str, list[str], int], seconds: int
) -> dict[str, float]:
    keys, paths, _ = what
    file = folder / "run" / server.name / f"paths.{kind}"
    file.write_text("\n".join(paths) + "\n")
    script = str(Path(__file__).with_name("drive.lua"))
    before = server.cpu()
    done = subprocess.run(
        ["taskset", "-c", "1", "wrk", "-t1", "-c16", f"-d{seconds}s", "--timeout", "20s", "-s",
         script, server.url, "--", str(folder / f"keys.{keys}"), str(file), HTML,
         "close" if kind == "close" else "-"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    used = server.cpu() - before
    found = re.search(r"^JSON (.*)$", done.stdout, re.MULTILINE)
    assert found, done.stdout
    said: dict[str, Any] = json.loads(found[1])
    number = max(said["requests"], 1)
    return {
        "cpu": used * 1000 / number,
        "rate": number / (said["us"] / 1e6),
        "p50": said["p50"] / 1000,
        "p99": said["p99"] / 1000,
        "bad": said["failed"] + (said["not_ok"] if what[2] < 400 else 0),
    }


def main() -> None:
    options = _options()
    names = options.servers
    running = [
        servers.start(
            name, options.folder, 18200 + n, python=options.granian, pypiserver=options.pypiserver
        )
        for n, name in enumerate(names)
    ]
    try:
        kinds = {server.name: kinds_of(server, options.folder) for server in running}
        for server in running:
            _check(server, options.folder, kinds[server.name])
        results: dict[tuple[str, str], list[dict[str, float]]] = {}
        for _ in range(options.repeats):
            for kind in options.kinds:
                for server in running:
                    if kind in kinds[server.name]:
                        what = kinds[server.name][kind]
                        row = measure(server, options.folder, kind, what, options.seconds)
                        results.setdefault((kind, server.name), []).append(row)
        _report(results, options.kinds, names)
        for server in running:
            print(f"{server.name}: {server.memory() / 1e6:.0f} MB resident")
    finally:
        for server in running:
            server.stop()


def _check(server: servers.Server, folder: Path, kinds: dict[str, Any]) -> None:
    for kind, (keys, paths, status) in kinds.items():
        key = (folder / f"keys.{keys}").read_text().split("\n")[0]
        path, _, tag = paths[0].partition("\t")
        extra = {"If_None_Match": tag} if tag else {}
        got = request(server.url + path, Authorization=key, Accept=HTML, **extra)[0]
        if got != status and not (kind == "denied" and got in {403, 429}):
            sys.exit(f"{server.name}: {kind} {path} is {got}, not {status}")


def _report(
    results: dict[tuple[str, str], list[dict[str, float]]], kinds: list[str], names: list[str]
) -> None:
    print(
        "| kind | server | CPU s per 1,000 | requests/s | p50 ms | p99 ms | failed | CPU to nginx |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for kind in kinds:
        for name in names:
            rows = results.get((kind, name))
            if not rows:
                continue
            base = results.get((kind, "nginx"), [])
            pairs = [b["cpu"] / r["cpu"] for b, r in zip(base, rows, strict=False) if r["cpu"]]
            ratio = f"{statistics.median(pairs):.2f} x" if pairs else "-"
            mid = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
            print(
                f"| {kind} | {name} | {mid['cpu']:.3f} | {mid['rate']:.0f} | {mid['p50']:.2f} |"
                f" {mid['p99']:.2f} | {mid['bad']:.0f} | {ratio} |"
            )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--granian", default=sys.executable, help="a python that has granian")
    parser.add_argument("--pypiserver", default=sys.executable, help="a python that has pypiserver")
    all_servers = ["ours-gunicorn", "ours-granian", "nginx", "pypiserver"]
    parser.add_argument("--servers", nargs="+", default=all_servers)
    all_kinds = ["small", "close", "long", "cond", "wheel1m", "wheel20m", "meta", "denied"]
    parser.add_argument("--kinds", nargs="+", default=all_kinds)
    return parser.parse_args()


if __name__ == "__main__":
    main()
