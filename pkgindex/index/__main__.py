"""`python -m pkgindex.index --snapshot FILE --files DIR`: the index, and nothing else."""

import argparse
import importlib.util
import os
import sys
from collections.abc import Sequence

_APPLICATION = "pkgindex.index.standalone:application"


def main(arguments: Sequence[str]) -> None:
    """Become the server: granian where it is installed, gunicorn otherwise."""
    options = _parser().parse_args(arguments)
    os.environ |= {
        "INDEX_SNAPSHOT": options.snapshot,
        "INDEX_FILES": options.files,
        "INDEX_STATE": options.state,
        "TRUSTED_PROXIES": str(options.trusted_proxies),
    }
    command = _command(options)
    os.execv(command[0], command)  # noqa: S606  our own arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pkgindex.index", description=__doc__)
    parser.add_argument("--snapshot", required=True, help="the file that the shop exports")
    parser.add_argument("--files", required=True, help="the folder that holds files/…")
    parser.add_argument("--state", default="", help="a folder for notes of uses and failures")
    parser.add_argument("--listen", default="127.0.0.1:8001", help="HOST:PORT")
    parser.add_argument("--workers", type=int, default=1)
    proxies = os.environ.get("TRUSTED_PROXIES", "0")
    parser.add_argument("--trusted-proxies", type=int, default=proxies, metavar="N")
    parser.add_argument("--server", choices=["granian", "gunicorn"], default=_best_server())
    return parser


def _best_server() -> str:
    return "granian" if importlib.util.find_spec("granian") else "gunicorn"


def _command(options: argparse.Namespace) -> list[str]:
    host, _, port = options.listen.rpartition(":")
    python = [sys.executable, "-m", options.server]
    if options.server == "granian":
        own = ["--interface", "wsgi", "--host", host, "--port", port, "--no-ws"]
        if os.environ.get("INDEX_HAND_ON_TO"):
            # Pages take microseconds, and nginx sends the files: no reader holds the thread, and
            # more of them would only wait for one another (a third of the time).
            own += ["--blocking-threads", "1"]
        return [*python, *own, "--workers", str(options.workers), _APPLICATION]
    threads = ["--worker-class", "gthread", "--threads", "8", "--no-control-socket"]
    bind = ["--bind", options.listen, "--workers", str(options.workers)]
    return [*python, *bind, *threads, _APPLICATION]


if __name__ == "__main__":
    main(sys.argv[1:])
