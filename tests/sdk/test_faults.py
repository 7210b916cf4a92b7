"""What a customer's machine may lack, and what a shop may do wrong: it never raises."""

import gc
import socket
import struct
import tempfile
import threading
import time
from datetime import UTC, datetime

import pytest
from wheelbarrow_client import Product
from wheelbarrow_client.leasing import Lease
from wheelbarrow_client.together import open_folder
from wheelbarrow_client.transport import Transport, Unreachable
from wheelbarrow_client.verdicts import Verdict

from tests.sdk.documents import make_claims, make_key, public_text, sign
from tests.sdk.test_transport import make_lease, serve, servers, url, wait_until

__all__ = ["servers"]
pytestmark = pytest.mark.usefixtures("socket_enabled")


def test_without_a_temporary_folder_each_asks_for_itself(monkeypatch: pytest.MonkeyPatch):
    """A container whose whole file system can only be read."""

    def none() -> str:
        raise FileNotFoundError("No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", none)

    assert open_folder("7", "key") is None


def test_where_no_thread_can_be_started_all_that_is_wanted_runs(servers, monkeypatch, caplog):
    server, asked = serve()
    servers.append(server)
    lease = make_lease(url(server))

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        assert lease.start().threads == 5
    lease.stop()

    assert "can't start new thread" in caplog.text
    assert asked == []


def test_a_lease_that_nobody_holds_any_more_is_given_back(servers):
    """A pool that was made anew, without a word to the old one's lease."""
    server, asked = serve()
    servers.append(server)
    lease = make_lease(url(server))
    lease.start()
    wait_until(lambda: len(asked) == 1)
    iid, wake = lease.iid, lease._wake

    del lease
    gc.collect()
    wake.set()  # its next renewal

    wait_until(lambda: [method for method, _, _ in asked] == ["PUT", "DELETE"])
    assert asked[1][1] == f"/v1/leases/{iid}"


def test_more_threads_are_told_where_nothing_is_leased(monkeypatch: pytest.MonkeyPatch):
    """Without a lease key, and in CI, there is no thread that would tell."""
    key, told = make_key(), []
    monkeypatch.setenv("WHEELBARROW_LICENSE", sign(key, make_claims()))
    product = Product("hare", roots=[public_text(key)])
    lease = product.lease(5, lambda verdict: told.append(verdict.threads))
    lease.start()

    lease.resize(8)
    lease.after_fork_in_child()
    lease.resize(8)

    assert told == [5, 8, 8]  # the last one in the child, whose threads are gone


class Raw:
    """A server that says these bytes to whoever connects, one piece after the other, and then
    breaks off.
    """

    def __init__(self, pieces: list[bytes], pause_s: float = 0.2) -> None:
        self.pieces, self.pause_s = pieces, pause_s
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self) -> None:
        try:
            connection, _ = self.listening.accept()
            with connection:
                connection.recv(65_536)
                now = struct.pack("ii", 1, 0)  # a close is a reset
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
                for piece in self.pieces:
                    connection.sendall(piece)
                    time.sleep(self.pause_s)
        except OSError:
            return  # nobody listens any more


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.mark.parametrize("wish", ["", "²"])
def test_a_refusal_that_was_cut_off_is_no_answer(no_proxy: None, wish: str):
    head = f"HTTP/1.1 503 Busy\r\nRetry-After: {wish}\r\nContent-Length: 99\r\n\r\n{{"
    server = Raw([head.encode("latin-1")])

    with pytest.raises(Unreachable):
        Transport(server.url, "wb_ls_secret").get_license()

    server.listening.close()


def test_who_answers_in_drops_is_not_listened_to_for_ever(no_proxy: None, monkeypatch):
    monkeypatch.setattr("wheelbarrow_client.transport.MOST_SECONDS", 0.5)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    server = Raw([head, *[b"x"] * 1000], pause_s=0.05)
    began = time.monotonic()

    with pytest.raises(Unreachable, match="too slow"):
        Transport(server.url, "wb_ls_secret").get_license()

    assert time.monotonic() - began < 3
    server.listening.close()


def test_an_evaluation_ends_by_the_time_that_the_shop_signed(monkeypatch, time_machine):
    """On a machine whose clock was put back, once it has heard an answer."""
    key = make_key()
    ends = "2026-12-31T00:00:00Z"
    claims = make_claims(fallback="none", exp=ends, paid_through=ends, updates_until=ends)
    monkeypatch.setenv("WHEELBARROW_LICENSE", sign(key, claims))
    product = Product("hare", roots=[public_text(key)])
    time_machine.move_to("2026-05-01T00:00:00Z")
    lease: Lease = product.lease(5, _ignore)
    assert product.allows()

    lease.clock.learn(datetime(2027, 1, 1, tzinfo=UTC).timestamp())

    assert not product.allows()


def _ignore(verdict: Verdict) -> None:
    pass
