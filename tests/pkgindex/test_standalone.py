"""The index without Django's settings: a snapshot and a folder are all that it needs."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from licenses.models import Tier
from pkgindex.index.__main__ import _command, _parser
from pkgindex.snapshot import export_snapshot, snapshot_path
from tests.make import make_credential, make_license
from tests.pkgindex.index_client import IndexClient, basic
from tests.pkgindex.make import make_file, make_project, make_release, url_of

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]
# Asks a replica for each path and says status, headers and the body's length.
REPLICA = """
import io, json, sys
from wsgiref.util import setup_testing_defaults
from pkgindex.index.standalone import application
said = []
for path in sys.argv[2:]:
    environ = {"PATH_INFO": path, "HTTP_AUTHORIZATION": sys.argv[1]}
    setup_testing_defaults(environ)
    start = []
    body = b"".join(application(environ, lambda *a: start.append(a)))
    said.append([start[0][0], dict(start[0][1]), len(body)])
assert "django.conf" not in sys.modules or not sys.modules["django.conf"].settings.configured
assert "django.db.backends.sqlite3" not in sys.modules
json.dump(said, sys.stdout)
"""


def ask_replica(key: str, *paths: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", REPLICA, basic(key), *paths],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_replica_answers_as_the_shop_does(pro: Tier, tmp_path: Path):
    file = make_file(make_release(make_project(tiers=[pro])))
    _, key = make_credential(make_license(tier=pro).customer)
    paths = ["/simple/", "/simple/hare-pro/", "/pypi/hare-pro/json", url_of(file), "/simple/x/"]
    paths += [f"{url_of(file)}.metadata", "/elsewhere"]
    export_snapshot()
    copy = tmp_path / "pulled.sqlite3"
    copy.write_bytes(snapshot_path().read_bytes())

    done = ask_replica(key, *paths, INDEX_SNAPSHOT=str(copy), INDEX_FILES=str(tmp_path / "files"))

    assert done.returncode == 0, done.stderr
    shop = IndexClient(key)
    for path, (status, headers, length) in zip(paths, json.loads(done.stdout), strict=True):
        if path == "/elsewhere":
            assert status == "404 Not Found"
            continue
        reply = shop.get(path)
        assert status == f"{reply.status} {reply.reason}", path
        assert headers == reply.headers
        assert length == len(reply.body)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "INDEX_SNAPSHOT and INDEX_FILES must be set"),
        ({"INDEX_SNAPSHOT": "/x", "INDEX_FILES": "/y", "TRUSTED_PROXIES": "-1"}, "TRUSTED_PROXIES"),
    ],
)
def test_a_replica_that_cannot_work_says_why(environment: dict[str, str], sentence: str):
    done = ask_replica("", "/simple/", **environment)

    assert done.returncode == 1
    assert sentence in done.stderr


@pytest.mark.parametrize("server", ["granian", "gunicorn"])
def test_the_command_becomes_a_server(server: str):
    options = _parser().parse_args(
        ["--snapshot", "s", "--files", "f", "--server", server, "--listen", "0.0.0.0:81"]
    )

    command = _command(options)

    assert command[1:3] == ["-m", server]
    assert command[-1] == "pkgindex.index.standalone:application"
    assert "81" in " ".join(command)


@pytest.mark.parametrize(("hand_on_to", "number"), [("", 0), ("/stored/", 1)])
def test_one_thread_answers_where_nginx_sends_the_files(
    monkeypatch: pytest.MonkeyPatch, hand_on_to: str, number: int
):
    monkeypatch.setenv("INDEX_HAND_ON_TO", hand_on_to)
    options = _parser().parse_args(["--snapshot", "s", "--files", "f", "--server", "granian"])

    assert _command(options).count("--blocking-threads") == number


def test_healthz_says_whether_there_is_something_to_answer_from(tmp_path: Path):
    export_snapshot()
    environment = {"INDEX_SNAPSHOT": str(snapshot_path()), "INDEX_FILES": str(tmp_path)}

    done = ask_replica("", "/healthz", **environment)
    gone = ask_replica("", "/healthz", **environment | {"INDEX_SNAPSHOT": str(tmp_path / "none")})

    assert json.loads(done.stdout)[0][0] == "200 OK"
    status = json.loads(gone.stdout)[0][0]
    assert status.startswith("503 There is nothing to answer from")
    assert "none" in status


@pytest.mark.parametrize(
    ("minutes", "status"),
    [
        (None, "503 Nothing was ever pulled: "),
        (9, "200 OK"),
        (11, "503 Nothing was pulled for 11 minutes"),
    ],
)
def test_a_replica_that_is_cut_off_says_so_after_ten_minutes(
    tmp_path: Path, minutes: int | None, status: str
):
    export_snapshot()
    pulled = tmp_path / "pulled"
    if minutes is not None:
        pulled.touch()
        os.utime(pulled, (time.time() - minutes * 60,) * 2)

    done = ask_replica(
        "",
        "/healthz",
        "/simple/x/",
        INDEX_SNAPSHOT=str(snapshot_path()),
        INDEX_FILES=str(tmp_path),
        INDEX_PULLED=str(pulled),
    )

    health, page = (answer[0] for answer in json.loads(done.stdout))
    assert health.startswith(status)
    assert page.startswith("401 The key is malformed")  # the index itself goes on
