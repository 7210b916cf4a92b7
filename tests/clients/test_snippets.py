"""The commands of the pages, run exactly as they are displayed."""

import html
import os
import re
import stat
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.conftest import BIN, Run, Server, run

pytestmark = [pytest.mark.clients, pytest.mark.enable_socket]
PROJECT = '[project]\nname = "product"\nversion = "0"\nrequires-python = ">=3.11,<4"\n'
KEYRING = """#!/bin/sh
case "$*" in
  "--mode=creds --output=json get http"*" __token__") # as pip asks
    echo '{{"username": "__token__", "password": "{key}"}}' ;;
  "get http"*" __token__") # as uv asks
    echo {key} ;;
  *) exit 1 ;;
esac
"""
TOOLS = {"poetry": "poetry==2.5.1", "pdm": "pdm[locked]==2.26.0"}


@dataclass(frozen=True)
class Page:
    text: str

    def block(self, name: str) -> str:
        """What the reader would copy from the block of this id."""
        found = re.search(rf'<pre id="{name}"[^>]*>(.*?)</pre>', self.text, re.DOTALL)
        assert found, f"the page has no {name}"
        return html.unescape(found[1])

    @property
    def key(self) -> str:
        return self.block("key")


@pytest.fixture(scope="session")
def page(server: Server, keys: dict[str, str]) -> Page:
    """What the shop shows whoever made a key just now."""
    return Page(server.seed("displayed")["page"])


@dataclass(frozen=True)
class Folder:
    """A developer's project folder, with an environment and pip and uv on the path."""

    path: Path

    def shell(self, text: str, **variables: str) -> Run:
        environment = {
            "PATH": f"{self.path / 'bin'}:{BIN}:{os.environ['PATH']}",
            "HOME": str(self.path),
            "UV_CACHE_DIR": str(self.path / "cache"),
            "UV_PYTHON": sys.executable,
            "PIP_CONFIG_FILE": "/dev/null",
            **variables,
        }
        return run("sh", "-ec", f"cd {self.path}\n{text}", env=environment)

    def imports(self, module: str, python: str = "venv/bin/python") -> bool:
        return run(self.path / python, "-c", f"import {module}").code == 0

    def files_with(self, text: str) -> list[str]:
        """Files of the project that hold it."""
        names = [path for path in self.path.iterdir() if path.is_file()]
        return [path.name for path in names if text in path.read_text(errors="ignore")]


@pytest.fixture
def folder(tmp_path: Path, pips: dict[str, Path]) -> Folder:
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    (tmp_path / "bin").mkdir()
    pip = tmp_path / "bin/pip"
    pip.write_text(f'#!/bin/sh\nexec {tmp_path}/venv/bin/python {pips["pip"]}/pip "$@"\n')
    pip.chmod(pip.stat().st_mode | stat.S_IXUSR)
    return Folder(tmp_path)


def test_pip_installs_as_displayed(page: Page, folder: Folder):
    done = folder.shell(page.block("snippet-pip"))

    assert done.code == 0, done.said
    assert folder.imports("hare_ent")


def test_pip_installs_from_the_displayed_requirements(page: Page, folder: Folder):
    (folder.path / "requirements.txt").write_text(page.block("snippet-pip-2"))

    done = folder.shell("pip install -r requirements.txt", HARE_KEY=page.key)

    assert done.code == 0, done.said
    assert folder.imports("hare_ent")
    assert folder.files_with(page.key) == []


def test_uv_adds_as_displayed_and_writes_the_key_nowhere(page: Page, folder: Folder):
    (folder.path / "pyproject.toml").write_text(f"{PROJECT}\n{page.block('snippet-uv')}\n")

    done = folder.shell(page.block("snippet-uv-2"))

    assert done.code == 0, done.said
    assert folder.imports("hare_ent", ".venv/bin/python")
    assert folder.imports("hare", ".venv/bin/python")
    assert (folder.path / "uv.lock").exists()
    assert folder.files_with(page.key) == []


def test_what_docker_runs_installs(page: Page, folder: Folder):
    """The command of the displayed RUN, with the variable that the secret's mount sets."""
    step = page.block("snippet-docker")
    mount, _, command = step.partition("\\\n")
    assert mount.startswith("RUN --mount=type=secret,id=HARE_KEY,env=HARE_KEY")

    done = folder.shell(command, HARE_KEY=page.key)

    assert done.code == 0, done.said
    assert folder.imports("hare_ent")
    assert page.key not in step


def test_what_the_workflow_runs_installs(page: Page, folder: Folder):
    form = r"- run: (.*)\n  env:\n    (\w+): \$\{\{ secrets\.(\w+) \}\}$"
    found = re.match(form, page.block("snippet-actions"))
    assert found

    done = folder.shell(found[1], **{found[2]: page.key})

    assert done.code == 0, done.said
    assert folder.imports("hare_ent")


def test_pip_finds_the_key_in_the_displayed_netrc(page: Page, folder: Folder, server: Server):
    (folder.path / ".netrc").write_text(page.block("snippet-netrc"))

    done = folder.shell(f"pip install --index-url {server.index_url()} hare-ent")

    assert done.code == 0, done.said
    assert folder.imports("hare_ent")


@pytest.mark.parametrize(
    "command", ["pip install --index-url", "uv pip install --python venv --default-index"]
)
def test_pip_and_uv_ask_a_keyring(page: Page, folder: Folder, server: Server, command: str):
    keyring = folder.path / "bin/keyring"
    keyring.write_text(KEYRING.format(key=page.key))
    keyring.chmod(keyring.stat().st_mode | stat.S_IXUSR)
    url = server.index_url().replace("://", "://__token__@")

    done = folder.shell(
        f"{command} {url} hare-ent",
        PIP_KEYRING_PROVIDER="subprocess",
        UV_KEYRING_PROVIDER="subprocess",
    )

    assert done.code == 0, done.said
    assert folder.imports("hare_ent")


@pytest.mark.parametrize("tool", ["poetry", "pdm"])
def test_poetry_and_pdm_add_as_displayed(page: Page, folder: Folder, tool: str):
    got = run(
        BIN / "uv", "tool", "install", "-q", TOOLS[tool],
        env={**os.environ, "UV_TOOL_DIR": str(folder.path / "tools"),
             "UV_TOOL_BIN_DIR": str(folder.path / "bin"), "UV_PYTHON": sys.executable},
    )  # fmt: skip
    assert got.code == 0, got.said
    table = page.block("snippet-pdm") if tool == "pdm" else ""
    (folder.path / "pyproject.toml").write_text(f"{PROJECT}\n{table}\n")

    commands = page.block("snippet-pdm-2" if tool == "pdm" else "snippet-poetry")
    done = folder.shell(
        commands, POETRY_VIRTUALENVS_IN_PROJECT="true", PDM_IGNORE_SAVED_PYTHON="1",
        PYTHON_KEYRING_BACKEND="keyring.backends.null.Keyring", VIRTUAL_ENV="",
    )  # fmt: skip

    assert done.code == 0, done.said
    made = "venv" if tool == "pdm" else ".venv"  # PDM takes the one that is there
    assert folder.imports("hare_ent", f"{made}/bin/python")
    assert folder.files_with(page.key) == []
