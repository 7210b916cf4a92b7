"""What the client promises, checked with the standard library alone, under whatever Python runs it.

Run by tests/sdk/test_pythons.py, which makes what a seller makes (argv[1], JSON).
"""

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from wheelbarrow_client import InvalidLicense, Product, Unlicensed, verify
from wheelbarrow_client.__main__ import main
from wheelbarrow_client.leasing import Lease
from wheelbarrow_client.transport import Transport

GIVEN = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
DOCUMENT, ROOTS = GIVEN["document"], GIVEN["roots"]


def check_a_genuine_document_is_verified() -> None:
    license = verify(DOCUMENT, ROOTS)

    assert (license.product, license.plan, license.threads) == ("hare", "enterprise", 100)
    assert verify(GIVEN["armoured"], ROOTS) == license


def check_whatever_was_changed_is_refused() -> None:
    for spoiled in [*GIVEN["spoiled"], "", "v4.public.", "nonsense", DOCUMENT + "A"]:
        try:
            verify(spoiled, ROOTS)
        except InvalidLicense:
            continue
        raise AssertionError(f"accepted: {spoiled}")


def check_a_document_is_found_in_all_three_places() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "hare", "license")
        file.parent.mkdir()
        file.write_text(GIVEN["armoured"], encoding="utf-8")
        for variables in (
            {"WHEELBARROW_LICENSE": DOCUMENT},
            {"WHEELBARROW_LICENSE_FILE": str(file)},
            {"XDG_CONFIG_HOME": folder},
        ):
            with environment(variables):
                assert product().allows("batches"), variables
        with environment({"HOME": folder}):
            assert not product().allows("batches")


def check_a_refusal_says_what_to_do() -> None:
    with environment({"WHEELBARROW_LICENSE": DOCUMENT}):
        assert "'flying' of Hare Ent is not part of" in refusal(product(), "flying")
        assert "releases up to" in refusal(product(released="2099-01-01"))
    with environment({"HOME": "/nowhere"}):
        assert "WHEELBARROW_LICENSE" in refusal(product())


def check_inspect_explains_and_ends_with_a_code() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "license")
        file.write_text(GIVEN["armoured"], encoding="utf-8")
        root = [word for key in ROOTS for word in ("--root", key)]
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            assert main(["inspect", str(file), *root]) == 0
            assert main(["inspect", str(file), *root, "--released", "2099-01-01"]) == 1
            assert main(["inspect", str(file) + "x"]) == 1
    assert "threads        100" in said.getvalue()


def check_importing_starts_no_thread_and_opens_no_network() -> None:
    code = (
        "import sys, threading, wheelbarrow_client\n"
        "assert threading.active_count() == 1\n"
        "assert not {'ssl', 'http.client', 'urllib.request', 'cryptography'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def check_no_server_takes_a_thread() -> None:
    for what in ("dead", "busy", "a page", "a redirect", "forged", "replayed", "slow"):
        with server(what) as url:
            lease = make_lease(url)
            assert lease.beat() > 0, what
            assert lease.verdict().threads == 50, what
            assert lease.heard is None, what  # nothing that was said was believed


def check_a_child_has_a_name_of_its_own() -> None:
    lease = make_lease("http://127.0.0.1:1")
    with environment({"CI": "1"}):
        lease.start()  # registers what happens at a fork
    reads, writes = os.pipe()
    if os.fork() == 0:
        os.write(writes, lease.iid.encode())
        os._exit(0)
    os.wait()
    assert os.read(reads, 99).decode() not in {"", lease.iid}


def check_in_ci_no_socket_is_opened() -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was opened")

    kept, socket.socket.connect = socket.socket.connect, refuse  # type: ignore[method-assign,assignment]
    before = threading.active_count()
    variables = {"WHEELBARROW_LICENSE": DOCUMENT, "WHEELBARROW_LEASE_KEY": "wb_ls_x", "CI": "true"}
    try:
        with environment(variables):
            lease = product().lease(50, on_change=lambda verdict: None)
            assert lease.start().threads == 50
            assert threading.active_count() == before
    finally:
        socket.socket.connect = kept  # type: ignore[method-assign]


@contextlib.contextmanager
def environment(variables: dict) -> Iterator[None]:
    """These variables and no others of ours."""
    kept = dict(os.environ)
    ours = [name for name in kept if name.startswith("WHEELBARROW") or name == "CI"]
    for name in [*ours, "XDG_CONFIG_HOME"]:
        os.environ.pop(name, None)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


def product(released: str = "2026-01-31") -> Product:
    return Product("hare", roots=ROOTS, released=released, name="Hare Ent", package="hare-ent")


def refusal(asked: Product, feature: str = "") -> str:
    try:
        asked.require(feature)
    except Unlicensed as error:
        return str(error)
    raise AssertionError("it was allowed")


def make_lease(url: str) -> Lease:
    return Lease(
        verify(DOCUMENT, ROOTS), wanted=50, transport=Transport(url, "wb_ls_secret"), roots=ROOTS,
        on_change=lambda verdict: None,
    )  # fmt: skip


@contextlib.contextmanager
def server(what: str) -> Iterator[str]:
    if what == "dead":
        yield "http://127.0.0.1:1"
        return
    handler = type("OwnHandler", (Handler,), {"what": what, "done": threading.Event()})
    served = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=served.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{served.server_port}"
    finally:
        handler.done.set()
        served.shutdown()
        served.server_close()


class Handler(BaseHTTPRequestHandler):
    what = ""
    done: threading.Event

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.what == "slow":
            self.done.wait(30)
        body = self._body()
        self.send_response({"busy": 503, "a redirect": 302}.get(self.what, 200))
        self.send_header("Location", "http://127.0.0.1:1/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):  # whoever was slow is not listened to
            self.wfile.write(body)

    def _body(self) -> bytes:
        if self.what in {"forged", "replayed"}:
            return json.dumps({"lease": GIVEN[self.what]}).encode()
        return b"<html>Welcome to nginx!</html>"

    def log_message(self, *_: object) -> None:
        pass


def run_all() -> int:
    failed = 0
    for name, check in sorted(globals().items()):
        if not name.startswith("check_"):
            continue
        try:
            check()
            print(f"ok {name}", flush=True)
        except Exception:
            failed += 1
            traceback.print_exc()
    return failed


if __name__ == "__main__":
    os.environ["NO_PROXY"] = "*"
    sys.exit(run_all())
