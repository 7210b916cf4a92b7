"""Each client in each state of a license: which kinds of requests it really makes, and the exact
status and text of the answer to every kind.

The clients run against a recorder. What one of them does not ask for is asked in its place, with
the headers that it sends itself.
"""

import json
import re
import sys
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from pkgindex.index.pages import as_hint
from tests.clients.conftest import BIN, Server, run
from tests.clients.projects import MAKERS, PDM, Indexes, pdm_project
from tests.clients.recording import Exchange, ask, recording
from tests.pkgindex.index_client import JSON, basic
from tests.pkgindex.wheels import metadata_text, wheel_name

pytestmark = [pytest.mark.clients, pytest.mark.enable_socket]

# 200: asked, and answered so. (200): asked where pages do not tell of metadata, as on an index
# that has none. A dot: not asked, there neither; the answer is that of the state all the same.
TABLE = """
client       state         version  page  metadata  head   range  file
pip==23.2.1  pro           2.0      200   200       (200)  (206)  200
pip==23.2.1  lapsed        1.0      200   200       (200)  (206)  200
pip==23.2.1  lapsed        2.0      200   402       (402)  .      .
pip==23.2.1  suspended     2.0      200   402       (402)  .      .
pip==23.2.1  revoked       2.0      200   402       (402)  .      .
pip==23.2.1  other_tier    2.0      200   402       (402)  .      .
pip==23.2.1  stranger      2.0      401   .         .      .      .
pip          pro           2.0      200   200       (200)  (206)  200
pip          lapsed        1.0      200   200       (200)  (206)  200
pip          lapsed        2.0      200   402       (402)  .      .
pip          suspended     2.0      200   402       (402)  .      .
pip          revoked       2.0      200   402       (402)  .      .
pip          other_tier    2.0      200   402       (402)  .      .
pip          stranger      2.0      401   .         .      .      .
uv           pro           2.0      200   200       (200)  (206)  200
uv           lapsed        1.0      200   200       (200)  (206)  200
uv           lapsed        2.0      200   402       (402)  .      .
uv           suspended     2.0      200   402       (402)  .      .
uv           revoked       2.0      200   402       (402)  .      .
uv           other_tier    2.0      200   402       (402)  .      .
uv           stranger      2.0      401   .         .      .      .
poetry       pro           2.0      200   200       .      (206)  200
poetry       lapsed        1.0      200   200       .      (206)  200
poetry       lapsed        2.0      200   402       402    402    402
poetry       suspended     2.0      200   402       402    402    402
poetry       revoked       2.0      200   402       402    402    402
poetry       other_tier    2.0      200   402       402    402    402
poetry       stranger      2.0      401   .         .      .      .
pdm          pro           2.0      200   200       .      .      200
pdm          lapsed        1.0      200   200       .      .      200
pdm          lapsed        2.0      200   402       .      .      402
pdm          suspended     2.0      200   402       .      .      402
pdm          revoked       2.0      200   402       .      .      402
pdm          other_tier    2.0      200   402       .      .      402
pdm          stranger      2.0      401   .         .      .      .
"""
KINDS = ("page", "metadata", "head", "range", "file")
# Of a file that is refused: its reason phrase, and the line that is its body.
TEXTS = {
    "lapsed": "Your license of Hare Pro ended {ended} and covers releases up to then{account}",
    "suspended": "Your license of Hare Pro is suspended while a payment is disputed{account}",
    "revoked": "Your license of Hare Pro was revoked{account}",
    "other_tier": "Your license does not cover this project, it needs Hare Pro or Hare Enterprise"
    "; see {url}/pricing/",
    "stranger": "This needs a key; see {url}/pricing/",
}
REASONS = {200: "OK", 206: "Partial Content", 304: "Not Modified"}


@dataclass(frozen=True)
class Row:
    client: str
    state: str
    version: str
    cells: dict[str, str]

    @property
    def has_file(self) -> bool:
        return self.state == "pro" or self.version == "1.0"

    def asked(self, *, tells_metadata: bool) -> set[str]:
        """The kinds of requests in the table; those in brackets where pages do not tell."""
        return {
            kind
            for kind, cell in self.cells.items()
            if cell != "." and (cell.startswith("(") != tells_metadata)
        }


ROWS = [
    Row(*words[:3], dict(zip(KINDS, words[3:], strict=True)))
    for words in map(str.split, TABLE.strip().splitlines()[1:])
]


@dataclass
class Lab:
    """Runs the clients, each once for a row and a kind of page."""

    server: Server
    keys: dict[str, str]
    upstream: str
    tools: Path
    pips: dict[str, Path]
    folder: Path
    wheels: dict[str, bytes]
    ended: str  # when the lapsed license did
    known: dict[tuple[str, str, str, bool], list[Exchange]] = field(default_factory=dict)

    def run(self, row: Row, *, tells_metadata: bool = True) -> list[Exchange]:
        which = (row.client, row.state, row.version, tells_metadata)
        if which not in self.known:
            self.server.forgive()
            folder = self.folder / "-".join(map(str, which)).replace("=", "")
            folder.mkdir()
            with recording(self.server.url, tells_metadata=tells_metadata) as record:
                self._install(row, record.url, folder)
            self.known[which] = record.exchanges
        return self.known[which]

    def _install(self, row: Row, url: str, folder: Path) -> None:
        key, wanted = self.keys.get(row.state, ""), f"hare-pro=={row.version}"
        if row.client in MAKERS and row.client != "uv":
            indexes = Indexes(f"{url}/simple/", key, self.upstream, self.tools)
            maker = MAKERS[row.client]
            if row.client == "pdm" and not key:
                maker = partial(pdm_project, table=PDM.replace("{with_key}", "{url}"))
            maker(folder, indexes, wanted).installed()
            return
        pip = (sys.executable, self.pips.get(row.client, ""), "install", "--no-input")
        more = ("--disable-pip-version-check", "--no-compile", "--use-feature=fast-deps")
        uv = (BIN / "uv", "pip", "install", "--python", sys.executable)
        user = f"__token__:{key}@" if key else ""
        index_url = f"{url.replace('://', f'://{user}')}/simple/"
        run(
            *(uv if row.client == "uv" else (*pip, *more)),
            *("--target", folder / "target", "--index-url", index_url, wanted),
            env={
                "HOME": str(folder), "PIP_CONFIG_FILE": "/dev/null", "UV_NO_CONFIG": "1",
                "UV_CACHE_DIR": str(folder / "cache"),
            },
        )  # fmt: skip

    def manners(self, client: str) -> dict[str, dict[str, str]]:
        """The headers with which a client asks for each kind. pdm knows neither HEAD nor Range,
        poetry no HEAD of what it may have: they would ask as for the file.
        """
        served = next(row for row in ROWS if row.client == client)
        said = {
            exchange.kind: _own(exchange.headers)
            for tells_metadata in (False, True)
            for exchange in self.run(served, tells_metadata=tells_metadata)
        }
        ranged = said["file"] | {"Range": "bytes=0-99"}
        return {"head": said["file"], "range": ranged} | said

    def ask_as(self, row: Row, kind: str) -> Exchange:
        """What the row's client does not ask for, with its own headers."""
        headers = dict(self.manners(row.client)[kind])
        if key := self.keys.get(row.state):
            headers["Authorization"] = basic(key)
        path = "/simple/hare-pro/" if kind == "page" else self._path(row)
        path += ".metadata" if kind == "metadata" else ""
        self.server.forgive()
        method = "HEAD" if kind == "head" else "GET"
        answer = ask(self.server.url, method, path, headers)
        return Exchange(kind, path, headers, answer)

    def _path(self, row: Row) -> str:
        """Of the file, as the page has it for whoever may read the page."""
        key = self.keys.get(row.state, self.keys["pro"])
        headers = {"Accept": JSON, "Authorization": basic(key)}
        page = json.loads(ask(self.server.url, "GET", "/simple/hare-pro/", headers).body)
        return _entry(page, row)["url"].removeprefix("../..")

    def text(self, state: str) -> str:
        url = self.server.url
        return TEXTS[state].format(url=url, account=f"; see {url}/account/", ended=self.ended)


@pytest.fixture(scope="module")
def lab(
    server: Server, keys, dist: Path, upstream: str, tools: Path, pips: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Lab:  # fmt: skip
    """pip unpacked: it starts in a quarter of the time."""
    folder = tmp_path_factory.mktemp("lab")
    unpacked = {}
    for name, wheel in pips.items():
        unpacked[name] = folder / name.replace("=", "") / "pip"
        zipfile.ZipFile(wheel).extractall(unpacked[name].parent)
    wheels = {
        version: (dist / wheel_name("hare-pro", version)).read_bytes() for version in ("1.0", "2.0")
    }
    return Lab(server, keys, upstream, tools, unpacked, folder, wheels, _ended(server, keys))


def _ended(server: Server, keys: dict[str, str]) -> str:
    """50 days before the keys were made (tests/clients/seed.py), which may have been yesterday."""
    headers = {"Accept": JSON, "Authorization": basic(keys["lapsed"])}
    page = ask(server.url, "GET", "/simple/hare-pro/", headers).body.decode()
    said = re.findall(r"ended (\d{4}-\d\d-\d\d)", page)[0]
    today = datetime.now(UTC).date()
    assert timedelta(days=50) <= today - date.fromisoformat(said) <= timedelta(days=51)
    return str(said)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.client}-{row.state}-{row.version}")
def test_every_cell_has_its_exact_status_and_text(lab: Lab, row: Row):
    told = lab.run(row)
    blind = lab.run(row, tells_metadata=False) if "(" in str(row.cells) else []

    assert {exchange.kind for exchange in told} == row.asked(tells_metadata=True)
    assert {exchange.kind for exchange in blind} >= row.asked(tells_metadata=False)
    assert not {exchange.kind for exchange in blind if row.cells[exchange.kind] == "."}
    others = [lab.ask_as(row, kind) for kind, cell in row.cells.items() if cell == "."]
    for exchange in (*told, *blind, *others):
        check(lab, row, exchange)


def check(lab: Lab, row: Row, exchange: Exchange) -> None:
    answer, kind = exchange.answer, exchange.kind
    if answer.status == 304:  # poetry asks for the page again
        assert kind == "page"
        assert "If-None-Match" in exchange.headers
        return
    cell = re.sub(r"\D", "", row.cells[kind])
    assert answer.status == (int(cell) if cell else _status(row, kind)), exchange
    if answer.status >= 400:
        sentence = lab.text(row.state)
        assert answer.reason == sentence
        assert answer.body == (b"" if kind == "head" else f"{sentence}\n".encode())
        return
    assert answer.reason == REASONS[answer.status]
    if kind == "page":
        check_entry(_entry(json.loads(answer.body), row), lab, row)
    else:
        assert answer.body == _body(lab, row, exchange)


def check_entry(entry: dict[str, str], lab: Lab, row: Row) -> None:
    """The page's words of a file that is refused: why, in its URL, and as the reason of a yank for
    whoever may have others.
    """
    sentence = "" if row.has_file else lab.text(row.state)
    assert entry["yanked"] == (sentence if row.state == "lapsed" and sentence else False)
    hints = entry["url"].removeprefix("../../files/").split("/")[1:-1]
    assert hints == ([as_hint(sentence)] if sentence else [])


def _status(row: Row, kind: str) -> int:
    """Of what the client does not ask for."""
    if row.state == "stranger":
        return 401
    return {"range": 206}.get(kind, 200) if row.has_file else 402


def _body(lab: Lab, row: Row, exchange: Exchange) -> bytes:
    wheel = lab.wheels[row.version]
    match exchange.kind:
        case "metadata":
            return metadata_text("hare-pro", row.version).encode()
        case "head":
            return b""
        case "range":
            headers = {name.lower(): value for name, value in exchange.headers.items()}
            first, _, last = headers["range"].removeprefix("bytes=").partition("-")
            return wheel[int(first) : int(last) + 1] if first else wheel[-int(last) :]
    return wheel


def _entry(page: dict[str, list[dict[str, str]]], row: Row) -> dict[str, str]:
    name = wheel_name("hare-pro", row.version)
    return next(file for file in page["files"] if file["filename"] == name)


def _own(headers: dict[str, str]) -> dict[str, str]:
    """Without those of one connection, of one key and of one copy."""
    others = {"host", "authorization", "connection", "if-none-match"}
    return {name: value for name, value in headers.items() if name.lower() not in others}
