"""Installers that resolve a whole project: uv with an explicit source, poetry, and pdm.

Each folder is set up as the shop documents it, for one index that has our projects and another
that anybody may publish to.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.clients.conftest import BIN, Run, run

PROJECT = """\
[project]
name = "app"
version = "1.0"
requires-python = ">={python}"
dependencies = ["{wanted}"]
"""
UV = """
[[tool.uv.index]]
name = "shop"
url = "{url}"
explicit = true

[tool.uv.sources]
{name} = {{ index = "shop" }}
"""
POETRY = """
[tool.poetry]
package-mode = false

[[tool.poetry.source]]
name = "shop"
url = "{url}"
priority = "explicit"

[tool.poetry.dependencies]
{name} = {{ source = "shop" }}
"""
# A source named pypi takes the place of the real one: pdm asks this index and no other.
PDM = """
[tool.pdm]
distribution = false

[[tool.pdm.source]]
name = "pypi"
url = "{with_key}"
"""
# What the shop shows where its index passes nothing on.
PDM_BESIDE_PYPI = """
[tool.pdm]
distribution = false

[[tool.pdm.source]]
name = "shop"
url = "{with_key}"
include_packages = ["{name}"]
"""


@dataclass(frozen=True)
class Project:
    """A folder that wants one package, and the tool that locks and installs it."""

    folder: Path
    env: dict[str, str]
    lock: tuple[str | Path, ...]
    install: tuple[str | Path, ...]
    lockfile: str

    def locked(self) -> Run:
        return run(*self.lock, env=self.env)

    def installed(self) -> Run:
        done = self.locked()
        return run(*self.install, env=self.env) if done.code == 0 else done

    def locked_text(self) -> str:
        """What was locked; "" if nothing was."""
        path = self.folder / self.lockfile
        return path.read_text() if path.exists() else ""

    def version_of(self, module: str) -> str:
        python = self.folder / ".venv/bin/python"
        if not python.exists():
            return ""
        done = run(python, "-c", f"import {module}; print({module}.VERSION)")
        return done.said if done.code == 0 else ""


@dataclass(frozen=True)
class Indexes:
    """Ours with its key, the other one, and where the tools lie that ask them."""

    url: str
    key: str
    other: str
    tools: Path


def uv_project(folder: Path, indexes: Indexes, *wanted: str) -> Project:
    _write(folder, UV, indexes, wanted)
    env = {
        "HOME": str(folder),
        "UV_DEFAULT_INDEX": indexes.other,
        "UV_CACHE_DIR": str(folder / "cache"),
        "UV_PYTHON": sys.executable,
        "UV_HTTP_RETRIES": "0",
    }
    if indexes.key:
        env |= {"UV_INDEX_SHOP_USERNAME": "__token__", "UV_INDEX_SHOP_PASSWORD": indexes.key}
    uv = (BIN / "uv", "--no-progress", "--directory", folder)
    return Project(folder, env, (*uv, "lock"), (*uv, "sync", "--frozen"), "uv.lock")


def poetry_project(folder: Path, indexes: Indexes, *wanted: str) -> Project:
    """The mirror plugin puts the other index where PyPI would be asked."""
    _write(folder, POETRY, indexes, wanted)
    env = {
        "HOME": str(folder),
        "POETRY_PYPI_MIRROR_URL": indexes.other,
        "POETRY_CACHE_DIR": str(folder / "cache"),
        "POETRY_VIRTUALENVS_IN_PROJECT": "true",
        "POETRY_KEYRING_ENABLED": "false",
        "POETRY_REQUESTS_MAX_RETRIES": "0",
    }
    if indexes.key:
        env |= {"POETRY_HTTP_BASIC_SHOP_USERNAME": "__token__"}
        env |= {"POETRY_HTTP_BASIC_SHOP_PASSWORD": indexes.key}
    poetry = (indexes.tools / "poetry", "--no-interaction", "--directory", folder)
    return Project(folder, env, (*poetry, "lock"), (*poetry, "sync", "--no-root"), "poetry.lock")


def pdm_project(folder: Path, indexes: Indexes, *wanted: str, table: str = PDM) -> Project:
    _write(folder, table, indexes, wanted)
    env = {
        "HOME": str(folder),
        "SHOP_KEY": indexes.key or "none",
        "PDM_CACHE_DIR": str(folder / "cache"),
        "PDM_PYPI_URL": indexes.other,
        "PDM_CHECK_UPDATE": "false",
    }
    pdm, at = (indexes.tools / "pdm", "--non-interactive"), ("--project", folder)
    return Project(folder, env, (*pdm, "lock", *at), (*pdm, "sync", *at), "pdm.lock")


MAKERS: dict[str, Callable[..., Project]] = {
    "uv": uv_project,
    "poetry": poetry_project,
    "pdm": pdm_project,
}

SET_UPS = {**MAKERS, "pdm beside PyPI": partial(pdm_project, table=PDM_BESIDE_PYPI)}


def _write(folder: Path, more: str, indexes: Indexes, wanted: tuple[str, ...]) -> None:
    """The first of *wanted* is ours."""
    folder.mkdir(parents=True, exist_ok=True)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    text = PROJECT.format(python=python, wanted='", "'.join(wanted))
    name = wanted[0].split("=")[0]
    with_key = indexes.url.replace("://", "://__token__:${SHOP_KEY}@")
    text += more.format(url=indexes.url, with_key=with_key, name=name)
    (folder / "pyproject.toml").write_text(text)
