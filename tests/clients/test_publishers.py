"""poetry, pdm, hatch and flit publish, and say why they are refused. What poetry and flit publish
they have built themselves, with whatever metadata they write today.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.conftest import Run, Server, run
from tests.pkgindex.wheels import build_sdist, build_wheel, wheel_name

pytestmark = [pytest.mark.clients, pytest.mark.enable_socket]

PYPROJECT = """\
[project]
name = "{name}"
version = "{version}"
description = "Published by its own tool"
license = "MIT"
requires-python = ">=3.9"
authors = [{{ name = "Ada", email = "ada@shop.example" }}]
classifiers = ["Programming Language :: Python :: 3"]
dependencies = ["hare>=1"]

[project.urls]
Homepage = "https://shop.example"
"""
POETRY = '\n[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
FLIT = '\n[build-system]\nrequires = ["flit_core>=3.11"]\nbuild-backend = "flit_core.buildapi"\n'


@dataclass(frozen=True)
class Desk:
    """A project's folder, the door, and the token."""

    folder: Path
    tools: Path
    url: str
    token: str

    def run(self, tool: str, *arguments: str | Path, **env: str) -> Run:
        home = {"HOME": str(self.folder), "PDM_CHECK_UPDATE": "false"}
        home |= {"SOURCE_DATE_EPOCH": "1767225600"}  # built again, the same bytes
        # Each tool works in the folder it is started in.
        at = ("env", "-C", self.folder, self.tools / tool)
        return run(*at, *arguments, env=home | env)

    def write(self, name: str, *, more: str = "") -> None:
        text = PYPROJECT.format(name=name, version="1.0") + more
        (self.folder / "pyproject.toml").write_text(text)
        module = name.replace("-", "_")
        (self.folder / f"{module}.py").write_text('"""A test."""\n')

    def build(self, name: str) -> None:
        dist = self.folder / "dist"
        if dist.exists():
            return
        dist.mkdir()
        (dist / wheel_name(name, "1.0")).write_bytes(build_wheel(name, "1.0"))
        sdist = dist / f"{name.replace('-', '_')}-1.0.tar.gz"
        sdist.write_bytes(build_sdist(name, "1.0"))


def poetry(desk: Desk, name: str) -> Run:
    desk.write(name, more=POETRY)
    env = {
        "POETRY_REPOSITORIES_SHOP_URL": desk.url,
        "POETRY_HTTP_BASIC_SHOP_USERNAME": "__token__",
        "POETRY_HTTP_BASIC_SHOP_PASSWORD": desk.token,
        "POETRY_KEYRING_ENABLED": "false",
    }
    return desk.run("poetry", "-n", "publish", "--build", "--repository", "shop", **env)


def pdm(desk: Desk, name: str) -> Run:
    desk.write(name)
    desk.build(name)
    key = ("--username", "__token__", "--password", desk.token)
    return desk.run("pdm", "publish", "--no-build", "--repository", desk.url, *key)


def hatch(desk: Desk, name: str) -> Run:
    desk.write(name)
    desk.build(name)
    key = ("--user", "__token__", "--auth", desk.token)
    return desk.run("hatch", "--no-interactive", "publish", "--repo", desk.url, *key)


def flit(desk: Desk, name: str) -> Run:
    desk.write(name, more=FLIT)
    env = {"FLIT_INDEX_URL": desk.url, "FLIT_USERNAME": "__token__", "FLIT_PASSWORD": desk.token}
    return desk.run("flit", "publish", "--no-use-vcs", **env)


Publisher = Callable[[Desk, str], Run]


@pytest.fixture(params=[poetry, pdm, hatch, flit])
def publish(request: pytest.FixtureRequest) -> Publisher:
    tool: Publisher = request.param
    return tool


def told(done: Run) -> str:
    """What the reader is told. PDM prints the status alone, and names a log with the rest."""
    log = re.search(r"See (\S+) for detailed debug log", done.said)
    return done.said + (Path(log[1]).read_text() if log else "")


def test_each_tool_publishes_and_says_why_it_is_refused(
    server: Server, upload_keys, tools: Path, tmp_path: Path, publish: Publisher
):
    name = f"made-by-{publish.__name__}"
    token = upload_keys["upload"]
    wrong = Desk(tmp_path, tools, f"{server.url}/legacy/", "wb_up_wrong")
    desk = Desk(tmp_path, tools, f"{server.url}/legacy/", token)

    refused = publish(wrong, name)
    first = publish(desk, name)
    again = publish(desk, name)

    assert refused.code != 0
    assert "401" in refused.said
    assert "The upload token is missing, unknown or no longer valid." in told(refused), refused.said
    assert first.code == 0, first.said
    assert again.code == 0, again.said
    done = server.seed("published", name)
    assert done == {"1.0": "bdist_wheel sdist"}
