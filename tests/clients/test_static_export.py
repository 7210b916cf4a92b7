"""The static export under Debian's nginx answers as the shop does, but for what
docs/static-export.md lists: the reason phrase is nginx's own, and so is the end of a 429.
"""

import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.tokens import TokenKind, mint_token
from tests.clients.conftest import ROOT, Environment, Run, Server, free_port, run
from tests.clients.nginx import (
    STATES,
    VARIANTS,
    ask,
    configuration,
    paths_of,
    running_nginx,
    without_tls,
)
from tests.pkgindex.index_client import JSON, basic

pytestmark = [pytest.mark.clients, pytest.mark.enable_socket]

MODULE = Path("/usr/lib/nginx/modules/ngx_http_js_module.so")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("static") / "index"


def export(server: Server, folder: Path) -> Run:
    done = run(sys.executable, ROOT / "manage.py", "export_index", folder, env=server.env)
    assert done.code == 0, done.said
    return done


@pytest.fixture(scope="module")
def static(
    server: Server, keys: dict[str, str], folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """`deploy/nginx-static.conf` without TLS, on a free port."""
    if not MODULE.exists():
        pytest.skip("libnginx-mod-http-js is not installed")
    export(server, folder)
    own, port = tmp_path_factory.mktemp("nginx-static"), free_port()
    text = (ROOT / "deploy/nginx-static.conf").read_text()
    text = text.replace("listen 443 ssl http2;", f"listen 127.0.0.1:{port};")
    text = without_tls(text).replace("/srv/index", str(folder))
    modules = f"load_module {MODULE};\n"
    with running_nginx(own, configuration(own, text, modules=modules), port) as url:
        yield url


@pytest.fixture(scope="module")
def limited(server: Server, keys: dict[str, str]) -> dict[str, str]:
    return server.seed("limited")


def assert_same(server: Server, static: str, path: str, method: str = "GET", **sent: str) -> int:
    """Status, headers and body; the reason phrase is nginx's. Gives the status."""
    server.forgive()
    ours = ask(server.url, path, method, **sent)
    theirs = ask(static, path, method, **sent)
    assert dataclasses.replace(theirs, reason="") == dataclasses.replace(ours, reason=""), (
        path,
        method,
        sent,
    )
    return theirs.status


@pytest.mark.parametrize("state", STATES)
def test_static_files_answer_as_the_shop_does(
    server: Server, static: str, keys: dict[str, str], state: str
):
    key = {"Authorization": basic(keys[state])} if state else {}
    compared = 0
    for path in paths_of(server, key):
        for method, headers in VARIANTS:
            source = f"127.0.1.{compared // 9}"  # nine wrong keys from each address are answered
            assert_same(server, static, path, method, source=source, **headers, **key)
            compared += 1
    assert compared >= 60


@pytest.mark.parametrize(
    "accept",
    [JSON, "text/html;q=0.1, application/vnd.pypi.simple.v1+json", "*/*", "text/*", "text/plain",
     "application/vnd.pypi.simple.latest+html", "application/*;q=0.2, text/html;q=0.1", "a;q=x",
     f"{JSON};q=0, */*;q=0.5", f"{JSON}, application/vnd.pypi.simple.v1+html; q=0.1", ";;,", ""],
)  # fmt: skip
def test_the_same_form_is_chosen(server: Server, static: str, keys, accept: str):
    for encoding in ("gzip, deflate", "gzip;q=0", "br", "*", "identity, gzip;q=0.5", ""):
        headers = {"Accept": accept, "Accept_Encoding": encoding}
        assert_same(server, static, "/simple/hare/", **headers)


@pytest.mark.parametrize(
    "path",
    ["/simple/hare?format=text/html", "/simple/hare/?format=application/vnd.pypi.simple.v1+json",
     "/simple/hare/?format=application%2Fvnd.pypi.simple.v1%2Bjson&x", "/simple/hare/?format=",
     "/simple/hare/?format=a&format=text/html", "/simple/hare/?format=%zz",
     "/simple/hare/?format=%ff", "/simple/hare/?format=text%2fhtml%", "/simple",
     "/simple//", "/simple/-/", "/simple/a/b",
     "/simple/constructor/", "/simple/__proto__/", "/simple/%C3%A4/", "/pypi/Hare/json",
     "/pypi/hare/json/", "/pypi/foreign/json", "/pypi/", "/files/", "/files/0000000000000000/..",
     "/simple/hare-nothing-yet/", "/simple/harem/", "/simple/Foreign/"],
)  # fmt: skip
def test_every_path_leads_to_the_same(server: Server, static: str, keys: dict[str, str], path: str):
    for key in ({}, {"Authorization": basic(keys["pro"])}):
        assert_same(server, static, path, **key)
    assert_same(server, static, path, "HEAD")
    assert_same(server, static, path, "POST")


@pytest.mark.parametrize(
    "asked",
    ["bytes=0-3", "bytes=4-4", "BYTES=0-3", "bytes=0-999999", "bytes=-0", "bytes=5-2", "bytes=",
     "bytes=a-b", "bytes=0-1,4-5", "lines=0-1", "bytes=-999999", "bytes=" + "9" * 500 + "-"],
)  # fmt: skip
def test_every_range_is_read_the_same(server: Server, static: str, keys, asked: str):
    path = paths_of(server, {})[-2]
    tag = ask(static, path).headers["etag"]

    for method in ("GET", "HEAD"):
        assert_same(server, static, path, method, Range=asked)
        assert_same(server, static, path, method, Range=asked, If_Range=tag)
        assert_same(server, static, path, method, Range=asked, If_Range='"other"')
    assert_same(server, static, path, Range=asked, If_None_Match=tag)
    assert_same(server, static, f"{path}.metadata", Range=asked)


def test_what_is_known_is_not_sent_again(server: Server, static: str, keys: dict[str, str]):
    key = {"Authorization": basic(keys["lapsed"])}

    for path in ("/simple/", "/simple/hare-pro/", "/pypi/hare-pro/json", paths_of(server, key)[-1]):
        tag = ask(server.url, path, **key).headers.get("etag", '"x"')
        for known in (tag, f'"x", W/{tag}', "*", '"x"'):
            assert_same(server, static, path, If_None_Match=known, **key)


WRONG = [
    "", "Basic", "Bearer x", "basic eDp5", "Basic !!!!", "Basic eHk=", "Basic /////w==", basic(""),
    basic(mint_token(TokenKind.INDEX)), basic(mint_token(TokenKind.LEASE)), basic("a:b:c"),
    basic(mint_token(TokenKind.UPLOAD)), basic(mint_token(TokenKind.INDEX)[:-1] + "_"),
    basic("", user=mint_token(TokenKind.INDEX)), basic("\u00e4" * 42),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_key_that_opens_no_door_is_told_why(server: Server, static: str, keys, number: int):
    sent = {"source": f"127.0.2.{number}", "Authorization": WRONG[number]}

    assert assert_same(server, static, "/simple/hare/", **sent) == 401


def test_a_key_may_stand_for_the_user_name(server: Server, static: str, keys: dict[str, str]):
    header = basic("", user=keys["pro"])

    assert assert_same(server, static, "/simple/hare-pro/", Authorization=header) == 200


@pytest.mark.parametrize("name", ["near", "old", "ending", "elsewhere"])
def test_the_limits_of_a_key_hold(
    server: Server, static: str, limited: dict[str, str], folder: Path, name: str
):
    export(server, folder)
    key = {"Authorization": basic(limited[name])}

    for number, path in enumerate(paths_of(server, key)[3:]):
        # Inside and outside of the networks that a key is limited to.
        for source in ("127.0.0.1", f"127.0.3.{number}"):
            assert_same(server, static, path, source=source, **key)


def test_a_key_that_expired_says_so(
    server: Server, static: str, limited: dict[str, str], folder: Path
):
    """It had not yet when it was exported."""
    export(server, folder)
    sent = {"source": "127.0.4.1", "Authorization": basic(limited["ended"])}

    assert assert_same(server, static, "/simple/hare-pro/", **sent) == 401
    assert b"expired" in ask(static, "/simple/hare-pro/", **sent).body


def test_a_quarantined_project_offers_no_file(
    server: Server, static: str, limited: dict[str, str], folder: Path
):
    export(server, folder)
    page = ask(server.url, "/pypi/sick/json").body
    name = next((folder / "files").glob("sick*")).name.removesuffix(".json")
    sha256 = json.loads((folder / f"files/{name}.json").read_text())["whole"][0]

    assert b"tampered" not in page
    assert assert_same(server, static, "/simple/sick/") == 200
    assert assert_same(server, static, f"/files/{sha256[:16]}/{name}") == 403


def test_the_eleventh_wrong_key_is_429_and_a_good_one_is_never(
    server: Server, static: str, keys: dict[str, str]
):
    wrong = {"Authorization": basic(mint_token(TokenKind.INDEX))}
    good = {"Authorization": basic(keys["pro"])}

    replies = [ask(static, "/simple/hare/", source="127.0.9.9", **wrong) for _ in range(11)]

    assert [reply.status for reply in replies] == [401] * 10 + [429]
    assert replies[-1].headers["retry-after"] == "1"
    assert replies[-1].body.startswith(b"The key is unknown; too often, try again")
    for key in (good, {}):
        assert ask(static, "/simple/hare/", source="127.0.9.9", **key).status == 200
    assert ask(static, "/simple/hare/", source="127.0.9.8", **wrong).status == 401


def test_only_the_doors_are_open(static: str, folder: Path, keys: dict[str, str]):
    """What lies in the folder, by its name and by the names that only nginx uses itself."""
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    stored = next(str(path) for path in paths if path.parts[0] == "stored")
    key = {"Authorization": basic(keys["enterprise"])}

    internal = [f"/-whole/{'0' * 64}/{stored[7:]}", f"/-range/{'0' * 64}/{stored[7:]}"]
    internal += [
        f"/-pages/{path.relative_to('pages')}" for path in paths if path.parts[0] == "pages"
    ]
    for path in [*map("/{}".format, paths), *internal, "/", "/simple/../catalog.json"]:
        assert ask(static, path, **key).status in {404, 503}, path


def test_what_changed_is_seen_after_the_next_export_and_no_key_is_written(
    server: Server, static: str, folder: Path, keys: dict[str, str], limited: dict[str, str]
):
    key = {"Authorization": basic(limited["ending"])}
    export(server, folder)
    assert ask(static, "/simple/hare-pro/", **key).status == 200

    server.seed("revoke", limited["ending"])
    done = export(server, folder)

    assert "1 files were written" in done.said
    assert assert_same(server, static, "/simple/hare-pro/", **key) == 401
    assert "0 files were written" in export(server, folder).said
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for secret in (keys | limited).values():
        assert secret.encode() not in written


def test_an_export_that_is_torn_is_never_a_404(
    server: Server, static: str, folder: Path, keys: dict[str, str]
):
    """Installers go elsewhere after a 404, and come back after a 503."""
    key = {"Authorization": basic(keys["pro"])}
    path = paths_of(server, key)[-2]
    stored = next(folder.glob(f"stored/*/*/*/*/{path.split('/')[-1]}"))
    kinds = [folder / name for name in ("readers", "coverages", "pages")]

    for place in [stored, *kinds]:
        aside = place.with_name("aside")
        place.rename(aside)
        asked = path if place is stored else "/simple/hare-pro/"
        reply = ask(static, asked, **key)
        aside.rename(place)
        assert (reply.status, reply.headers["retry-after"]) == (503, "5")
        assert ask(static, asked, **key).status == 200


@pytest.mark.parametrize(("state", "version"), [("pro", "2.0"), ("lapsed", "1.0")])
def test_installers_take_what_the_key_covers(
    server: Server, static: str, keys: dict[str, str], installer: Environment, state: str,
    version: str,
):  # fmt: skip
    behind = Server(static, server.env, server.pid)

    done = installer.install(behind, keys[state], "hare-pro")

    assert done.code == 0, done.said
    assert installer.version_of("hare_pro") == version


def test_the_reason_reaches_the_installer_in_the_url(
    server: Server, static: str, keys: dict[str, str], installer: Environment
):
    behind = Server(static, server.env, server.pid)

    done = installer.install(behind, keys["suspended"], "hare-pro")

    assert done.code != 0
    assert "is-suspended-while-a-payment-is-disputed" in done.said
