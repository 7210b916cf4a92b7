"""The client against real sockets: redirects, goodbyes, forks at a bad moment."""

import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from wheelbarrow_client import forks, leasing, living, verify
from wheelbarrow_client.leasing import Lease
from wheelbarrow_client.transport import Transport, Unreachable

from tests.sdk.documents import make_claims, make_key, public_text, sign

KEY = make_key()
pytestmark = pytest.mark.usefixtures("socket_enabled")


class Handler(BaseHTTPRequestHandler):
    """Keeps what was asked, and answers as the test says."""

    asked: list[tuple[str, str, str]]
    slow_s = 0.0
    redirect_to = ""

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.rfile.read(length)
        time.sleep(self.slow_s if self.command == "PUT" else 0)
        self.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
        self.send_response(302 if self.redirect_to else 503)
        if self.redirect_to:
            self.send_header("Location", f"{self.redirect_to}{self.path}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_PUT = do_DELETE = do_POST = _answer  # noqa: N815  http.server's names

    def log_message(self, *args: object) -> None:
        pass


def serve(**options: object) -> tuple[ThreadingHTTPServer, list[tuple[str, str, str]]]:
    asked: list[tuple[str, str, str]] = []
    handler = type("OwnHandler", (Handler,), {"asked": asked, **options})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server, asked


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ThreadingHTTPServer]]:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(leasing, "is_offline", lambda: False)
    started: list[ThreadingHTTPServer] = []
    yield started
    for server in started:
        server.shutdown()
        server.server_close()
    living.leases.clear()


def url(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


def make_lease(host: str, **options: int) -> Lease:
    document = verify(sign(KEY, make_claims()), [public_text(KEY)])
    return Lease(
        document, wanted=5, transport=Transport(host, "wb_ls_secret"), roots=[public_text(KEY)],
        on_change=lambda verdict: None, **options,
    )  # fmt: skip


def test_a_redirect_is_not_followed_for_it_would_take_the_credential_along(servers):
    elsewhere, leaked = serve()
    here, asked = serve(redirect_to=url(elsewhere))
    servers += [elsewhere, here]

    with pytest.raises(Unreachable, match="status 302"):
        Transport(url(here), "wb_ls_secret").get_license()

    assert [request[2] for request in asked] == ["Bearer wb_ls_secret"]
    assert leaked == []


def test_goodbye_comes_after_the_renewal_that_is_on_its_way(servers):
    """The other way round the renewal would hold the threads again, for nobody."""
    server, asked = serve(slow_s=0.5)
    servers.append(server)
    lease = make_lease(url(server))
    lease.start()
    time.sleep(0.2)

    began = time.monotonic()
    lease.stop()
    took = time.monotonic() - began

    assert [request[0] for request in asked] == ["PUT", "DELETE"]
    assert took < 2


def test_goodbye_waits_for_no_server_that_hangs(servers):
    server, asked = serve(slow_s=4)
    servers.append(server)
    lease = make_lease(url(server))
    lease.start()
    time.sleep(0.2)

    began = time.monotonic()
    lease.stop()

    assert time.monotonic() - began < 2.5
    assert asked == []


def test_a_fork_in_the_middle_of_a_beat_leaves_no_lock_closed():
    lease = make_lease("http://127.0.0.1:1")
    lease.clock._lock.acquire()  # the lease's thread had it when the parent forked
    lease._lock.acquire()

    lease.after_fork_in_child()

    assert lease.clock._lock.acquire(timeout=1)
    done = threading.Thread(target=lease._lock.acquire, daemon=True)
    done.start()
    done.join(1)
    assert not done.is_alive()


def test_a_stop_from_within_on_change_is_no_deadlock(servers):
    server, asked = serve()
    servers.append(server)
    lease = make_lease(url(server))
    lease._on_change = lambda verdict: lease.stop()
    lease._thread = threading.current_thread()

    lease.beat()

    assert [request[0] for request in asked] == ["PUT", "DELETE"]


def test_the_credential_stands_in_no_traceback_with_values():
    assert "wb_ls_secret" not in repr(Transport("http://x", "wb_ls_secret"))


def fork(in_child: Callable[[], None] = lambda: None) -> float:
    """The seconds that a fork takes; *in_child* must not fail there."""
    began = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: there are threads
        child = os.fork()
    if not child:
        try:
            in_child()
        finally:
            os._exit(0)
    took = time.monotonic() - began
    os.waitpid(child, 0)
    return took


def test_a_fork_waits_for_the_request_under_way(servers, monkeypatch):
    """In its middle the C library has locks closed, and nobody opens them in the child."""
    monkeypatch.setattr(leasing, "CHILD_SECONDS", (0.1, 0.1))
    server, asked = serve(slow_s=0.5)
    servers.append(server)
    lease = make_lease(url(server))
    lease.start()
    time.sleep(0.2)

    took = fork(lambda: time.sleep(1))  # there its own lease asks

    assert took > 0.2
    parent, child = (path.rpartition("/")[2] for _, path, _ in asked)
    assert parent == lease.iid != child
    lease._wake.set()  # the parent asks again
    wait_until(lambda: len(asked) == 3)


def test_a_fork_waits_for_no_server_that_hangs(servers):
    server, asked = serve(slow_s=2.5)
    servers.append(server)
    lease = make_lease(url(server))
    lease.start()
    time.sleep(0.2)

    assert 0.5 < fork() < 2
    assert fork() + fork() + fork() < 0.5  # for that request one of them has waited

    assert asked == []
    wait_until(lambda: bool(asked))


def test_a_child_that_ends_soon_asks_for_nothing(servers):
    """A job in a process of its own: each would hold threads until its lease ended."""
    server, asked = serve()
    servers.append(server)
    lease = make_lease(url(server))
    lease.start()
    wait_until(lambda: len(asked) == 1)

    fork(lambda: time.sleep(0.5))
    fork(lambda: (time.sleep(0.1), lease.stop()))  # there is nothing to say goodbye for

    assert [method for method, _, _ in asked] == ["PUT"]


def test_a_child_wants_what_the_vendor_says(servers, monkeypatch):
    """Threads do not outlive a fork: whose pool begins anew there wants none until it does."""
    monkeypatch.setattr(leasing, "CHILD_SECONDS", (0.1, 0.1))
    server, asked = serve()
    servers.append(server)
    lease = make_lease(url(server), in_child=0)
    lease.start()
    wait_until(lambda: len(asked) == 1)

    fork(lambda: time.sleep(0.5))
    assert len(asked) == 1
    fork(lambda: (lease.resize(3), time.sleep(0.5)))

    assert [method for method, _, _ in asked] == ["PUT", "PUT"]
    assert asked[0][1] != asked[1][1]


def test_who_forks_while_he_asks_waits_for_nobody():
    wait_until(lambda: not forks._asking)  # leases of other tests

    with forks.no_fork():
        assert fork() < 0.5


def wait_until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)
