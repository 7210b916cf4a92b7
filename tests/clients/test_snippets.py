"""The commands of the pages, run exactly as they are displayed.

Where the developer's machine would ask PyPI stands another index, on which a stranger published
99.0 under each of our names: whatever our index answers, no set-up takes it.
"""

import html
import os
import re
import stat
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.conftest import BIN, HOSTILE, Run, Server, run

pytestmark = [pytest.mark.clients, pytest.mark.enable_socket]
PROJECT = '[project]\nname = "product"\nversion = "0"\nrequires-python = ">=3.11,<4"\n'
# Where a developer's desktop has its keyring, this one has a file.
KEYRING = """
import json, pathlib
import keyring.backend

FILE = pathlib.Path(__file__).with_name("kept")


class Keyring(keyring.backend.KeyringBackend):
    priority = 1

    def set_password(self, service, username, password):
        FILE.write_text(json.dumps([service, username, password]))

    def get_password(self, service, username):
        kept = json.loads(FILE.read_text()) if FILE.exists() else []
        return kept[2] if kept[:2] == [service, username] else None
"""
OURS = {"hare_ent": "1.0", "hare_pro": "2.0", "hare": "1.0"}


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

    def of(self, key: str) -> "Page":
        """The same page, had it been shown with another key."""
        return Page(self.text.replace(self.key, key))


@pytest.fixture(scope="session")
def page(server: Server, keys: dict[str, str]) -> Page:
    """What the shop shows whoever made a key just now."""
    return Page(server.seed("displayed")["page"])


@dataclass(frozen=True)
class Folder:
    """A developer's project folder, with an environment and the tools on the path. *elsewhere*
    is what his tools ask where nobody told them another index.
    """

    path: Path
    elsewhere: str

    def shell(self, text: str, **variables: str) -> Run:
        environment = {
            "PATH": f"{self.path / 'bin'}:{BIN}:{os.environ['PATH']}",
            "HOME": str(self.path),
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_INDEX_URL": self.elsewhere,
            "PIP_RETRIES": "0",
            "UV_CACHE_DIR": str(self.path / "cache"),
            "UV_DEFAULT_INDEX": self.elsewhere,
            "UV_HTTP_RETRIES": "0",
            # Never the interpreter of the tests: `uv pip install` fills what it names.
            "UV_PYTHON": str(self.path / "venv/bin/python"),
            "POETRY_PYPI_MIRROR_URL": self.elsewhere,
            "POETRY_VIRTUALENVS_IN_PROJECT": "true",
            "POETRY_REQUESTS_MAX_RETRIES": "0",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "PDM_PYPI_URL": self.elsewhere,
            "PDM_CHECK_UPDATE": "false",
            "PDM_IGNORE_SAVED_PYTHON": "1",
            "VIRTUAL_ENV": "",
            **variables,
        }
        return run("sh", "-ec", f"cd {self.path}\n{text}", env=environment)

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text)

    def installed(self) -> dict[str, str]:
        """The versions of our projects that can be imported. uv and poetry make .venv, PDM takes
        the environment that is there.
        """
        python = self.path / ".venv/bin/python"
        if not python.exists():
            python = self.path / "venv/bin/python"
        found = {}
        for module in OURS:
            done = run(python, "-c", f"import {module}; print({module}.VERSION)")
            if done.code == 0:
                found[module] = done.said
        return found

    def files_with(self, text: str) -> list[str]:
        """Files of the project that hold it."""
        names = [path for path in self.path.iterdir() if path.is_file()]
        return [path.name for path in names if text in path.read_text(errors="ignore")]


MakeFolder = Callable[[str], Folder]


@pytest.fixture
def make_folder(tmp_path: Path, pips: dict[str, Path], tools: Path, upstream: str) -> MakeFolder:
    def make(name: str) -> Folder:
        path = tmp_path / name
        venv.create(path / "venv", with_pip=False, symlinks=True)
        (path / "bin").mkdir()
        script = f'#!/bin/sh\nexec {path}/venv/bin/python {pips["pip"]}/pip "$@"\n'
        _write_program(path / "bin/pip", script)
        for tool in ("poetry", "pdm", "keyring"):
            (path / "bin" / tool).symlink_to(tools / tool)
        return Folder(path, upstream)

    return make


def _write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


# --- each set-up, as a reader of the page would follow it ---------------------------------------


def pip(page: Page, folder: Folder) -> Run:
    return folder.shell(page.block("snippet-pip"))


def requirements(page: Page, folder: Folder) -> Run:
    folder.write("requirements.txt", page.block("snippet-pip-2"))
    return folder.shell("pip install -r requirements.txt", HARE_KEY=page.key)


def uv(page: Page, folder: Folder) -> Run:
    folder.write("pyproject.toml", f"{PROJECT}\n{page.block('snippet-uv')}\n")
    return folder.shell(page.block("snippet-uv-2"))


def poetry(page: Page, folder: Folder) -> Run:
    folder.write("pyproject.toml", PROJECT)
    return folder.shell(page.block("snippet-poetry"))


def pdm(page: Page, folder: Folder) -> Run:
    # An application: a library would be built, with a build backend from the other index.
    own = f"{PROJECT}\n[tool.pdm]\ndistribution = false\n"
    folder.write("pyproject.toml", f"{own}\n{page.block('snippet-pdm')}\n")
    return folder.shell(page.block("snippet-pdm-2"))


def docker(page: Page, folder: Folder) -> Run:
    """The command of the displayed RUN, with the variable that the secret's mount sets."""
    mount, _, command = page.block("snippet-docker").partition("\\\n")
    assert mount.startswith("RUN --mount=type=secret,id=HARE_KEY,env=HARE_KEY")
    return folder.shell(command, HARE_KEY=page.key)


def actions(page: Page, folder: Folder) -> Run:
    form = r"- run: (.*)\n  env:\n    (\w+): \$\{\{ secrets\.(\w+) \}\}$"
    found = re.match(form, page.block("snippet-actions"))
    assert found
    return folder.shell(found[1], **{found[2]: page.key})


def keyring(page: Page, folder: Folder, block: str = "snippet-keyring") -> Run:
    """Whoever is asked for the key pastes it; keyring reads it from standard input here."""
    store = folder.path / "keyring"
    store.mkdir(exist_ok=True)
    (store / "kept_in_a_file.py").write_text(KEYRING)
    (store / "pasted").write_text(page.key)
    backend = {"PYTHON_KEYRING_BACKEND": "kept_in_a_file.Keyring", "PYTHONPATH": str(store)}
    return folder.shell(f"{{\n{page.block(block)}\n}} < keyring/pasted", **backend)


def keyring_with_uv(page: Page, folder: Folder) -> Run:
    keyring(page, folder)
    folder.shell("pip uninstall --yes hare-ent hare-pro hare")
    return keyring(page, folder, "snippet-keyring-2")


SET_UPS = {each.__name__: each for each in (
    pip, requirements, uv, poetry, pdm, docker, actions, keyring, keyring_with_uv,
)}  # fmt: skip


@pytest.mark.parametrize("name", SET_UPS)
def test_each_set_up_installs_as_displayed(page: Page, make_folder: MakeFolder, name: str):
    folder = make_folder(name)

    done = SET_UPS[name](page, folder)

    assert done.code == 0, done.said
    assert folder.installed() == OURS
    if name != "pip":
        assert folder.files_with(page.key) == []


@pytest.mark.parametrize("name", SET_UPS)
def test_no_set_up_as_displayed_lets_the_hostile_release_in(
    page: Page, keys: dict[str, str], make_folder: MakeFolder, name: str
):
    for state in ("pro", "suspended", "other_tier", "revoked_key", "mistyped"):
        folder = make_folder(state)

        done = SET_UPS[name](page.of(keys.get(state, "wb_ix_mistyped")), folder)

        assert done.code != 0, (state, done.said)
        assert HOSTILE not in folder.installed().values(), (state, done.said)
        assert folder.files_with(f'"{HOSTILE}"') == [], (state, done.said)


def test_the_other_index_is_within_reach(make_folder: MakeFolder):
    """So the tests above mean something: without our index the hostile release comes."""
    folder = make_folder("bare")

    done = folder.shell("pip install hare-ent")

    assert done.code == 0, done.said
    assert folder.installed() == {"hare_ent": HOSTILE}


def test_no_step_of_docker_holds_the_key(page: Page):
    assert page.key not in page.block("snippet-docker")


NETRC = ["pip install --index-url", "uv pip install --python venv --default-index"]


@pytest.mark.parametrize("command", NETRC)
def test_pip_and_uv_find_the_key_in_the_displayed_netrc(
    page: Page, make_folder: MakeFolder, server: Server, command: str
):
    folder = make_folder("netrc")
    folder.write(".netrc", page.block("snippet-netrc"))

    done = folder.shell(f"{command} {server.index_url()} hare-ent")

    assert done.code == 0, done.said
    assert folder.installed() == OURS
