"""What goes over a real connection, where the server sends files by itself (sendfile)."""

import contextlib
import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.clients.conftest import Server
from tests.pkgindex.index_client import JSON, basic
from tests.pkgindex.wheels import wheel_name

pytestmark = [pytest.mark.clients, pytest.mark.enable_socket]


@pytest.fixture
def connection(server: Server) -> Iterator[http.client.HTTPConnection]:
    """One connection that is kept open: a byte too much would spoil the next answer."""
    with contextlib.closing(http.client.HTTPConnection(urlsplit(server.url).netloc)) as opened:
        yield opened


def test_one_connection_carries_pages_files_parts_and_refusals(
    connection: http.client.HTTPConnection, keys: dict[str, str], dist: Path
):
    wheel = (dist / wheel_name("hare-pro", "2.0")).read_bytes()
    key = {"Authorization": basic(keys["pro"])}

    def ask(method: str, path: str, **headers: str) -> tuple[int, bytes]:
        connection.request(method, path, headers=key | headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    status, page = ask("GET", "/simple/hare-pro/", Accept=JSON)
    digest = page.decode().split("../../files/")[-1].split("/")[0]
    url = f"/files/{digest}/{wheel_name('hare-pro', '2.0')}"

    assert status == 200
    assert ask("GET", url) == (200, wheel)
    assert ask("HEAD", url) == (200, b"")
    assert ask("GET", url, Range="bytes=10-19") == (206, wheel[10:20])
    assert ask("GET", url, Range="bytes=-5") == (206, wheel[-5:])
    assert ask("GET", url, Range="bytes=999999-")[0] == 416
    assert ask("GET", f"{url}.metadata")[1].startswith(b"Metadata-Version: 2.1\n")
    assert ask("GET", url.replace(digest, "0" * 16))[0] == 404
    assert ask("GET", url) == (200, wheel)


def test_a_refused_upload_is_answered_though_its_body_was_not_read(
    connection: http.client.HTTPConnection,
):
    for _ in range(2):
        connection.request("POST", "/legacy/", body=b"x" * 2**15)
        answer = connection.getresponse()

        assert answer.status == 401
        assert answer.reason == "The upload token is missing, unknown or no longer valid."
        answer.read()
