"""Real installers: who gets what, and what they are told."""

import secrets
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from pkgindex.index.failures import ALLOWED
from tests.clients.conftest import Environment, Server, twine
from tests.pkgindex.index_client import basic
from tests.pkgindex.wheels import build_wheel, wheel_name

pytestmark = [pytest.mark.clients, pytest.mark.enable_socket]


def test_the_public_package_needs_no_key(server: Server, keys, installer: Environment):
    done = installer.install(server, "", "hare")

    assert done.code == 0, done.said
    assert installer.version_of("hare") == "1.0"


def test_pro_installs_pro(server: Server, keys, installer: Environment):
    done = installer.install(server, keys["pro"], "hare-pro")

    assert done.code == 0, done.said
    assert installer.version_of("hare_pro") == "2.0"


@pytest.mark.parametrize("wanted", ["hare-ent", "hare-ent==1.0"])
def test_pro_does_not_install_enterprise_and_is_told_why(
    server: Server, keys, installer: Environment, wanted: str
):
    done = installer.install(server, keys["pro"], wanted)

    assert done.code != 0
    assert "402" in done.said, done.said
    assert "Your license does not cover this project, it needs Hare Enterprise" in done.said
    assert installer.version_of("hare_ent") == ""


def test_enterprise_installs_both(server: Server, keys, installer: Environment):
    done = installer.install(server, keys["enterprise"], "hare-ent")

    assert done.code == 0, done.said
    assert installer.version_of("hare_ent") == "1.0"
    assert installer.version_of("hare_pro") == "2.0"
    assert installer.version_of("hare") == "1.0"


@pytest.mark.parametrize("key", ["", "wb_ix_wrong", "revoked_key"])
def test_without_a_valid_key_pro_is_refused(server: Server, keys, installer: Environment, key: str):
    done = installer.install(server, keys.get(key, key), "hare-pro")

    assert done.code != 0
    # pip without a terminal says no word about a 401 of a page; uv does.
    assert "401" in done.said or "No matching distribution found" in done.said, done.said
    assert installer.version_of("hare_pro") == ""


def test_nobody_waits_for_minutes_after_many_wrong_keys(
    server: Server, keys, installer: Environment
):
    """pip sleeps for as long as a Retry-After says, and says nothing meanwhile."""
    wrong = urllib.request.Request(f"{server.url}/simple/")
    wrong.add_header("Authorization", basic("wb_ix_wrong"))
    for _ in range(ALLOWED):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(wrong)
    began = time.monotonic()

    done = installer.install(server, "wb_ix_wrong", "hare-pro")
    good = installer.install(server, keys["pro"], "hare-pro")

    assert time.monotonic() - began < 60
    assert done.code != 0
    assert good.code == 0, good.said


def test_a_lapsed_key_takes_the_newest_release_it_covers(
    server: Server, keys, installer: Environment
):
    done = installer.install(server, keys["lapsed"], "hare-pro")

    assert done.code == 0, done.said
    assert installer.version_of("hare_pro") == "1.0"


def test_a_lapsed_key_is_told_why_it_does_not_get_a_newer_release(
    server: Server, keys, installer: Environment
):
    done = installer.install(server, keys["lapsed"], "hare-pro==2.0")

    assert done.code != 0
    assert "Your license of Hare Pro ended" in done.said, done.said
    assert installer.version_of("hare_pro") == ""


def test_a_key_that_covers_no_release_any_more_is_told_why(
    server: Server, keys, installer: Environment
):
    done = installer.install(server, keys["lapsed_long_ago"], "hare-pro")

    assert done.code != 0
    assert "Your license of Hare Pro ended" in done.said, done.said


def test_a_foreign_project_comes_from_the_other_index(server: Server, keys, installer: Environment):
    done = installer.install(server, keys["pro"], "foreign", "hare-pro")

    assert done.code == 0, done.said
    assert installer.version_of("foreign") == "99.0"
    assert installer.version_of("hare_pro") == "2.0"


@pytest.mark.parametrize("key", ["pro", ""])
@pytest.mark.parametrize("name", ["hare-ent", "hare-cloud"])
def test_a_hostile_project_of_our_name_is_never_installed(
    server: Server, keys, installer: Environment, key: str, name: str
):
    """hare-ent is ours but not covered, hare-cloud is only reserved."""
    done = installer.install(server, keys.get(key, ""), name)

    assert done.code != 0
    assert "99.0" not in done.said
    assert installer.version_of(name.replace("-", "_")) == ""


def test_the_next_install_sees_what_was_published_and_what_was_refunded(
    server: Server, upload_keys: dict[str, str], installer: Environment, tmp_path: Path
):
    """With the installer's own cache in between."""
    name = f"news-{secrets.token_hex(4)}"
    publish(server, upload_keys["upload"], tmp_path, name, "1.0")
    key = server.seed("sell", name)["key"]
    versions = []

    for version in ("1.0", "2.0"):
        publish(server, upload_keys["upload"], tmp_path, name, version)
        done = installer.install(server, key, "--upgrade", name)
        assert done.code == 0, done.said
        versions.append(installer.version_of(name.replace("-", "_")))
    publish(server, upload_keys["upload"], tmp_path, name, "3.0")
    server.seed("refund", key)
    refused = installer.install(server, key, "--upgrade", name)

    assert versions == ["1.0", "2.0"]
    assert refused.code != 0
    assert "was revoked" in refused.said, refused.said
    assert installer.version_of(name.replace("-", "_")) == "2.0"


def publish(server: Server, token: str, folder: Path, name: str, version: str) -> None:
    wheel = folder / wheel_name(name, version)
    wheel.write_bytes(build_wheel(name, version))
    done = twine(server, token, wheel)
    assert done.code == 0, done.said
