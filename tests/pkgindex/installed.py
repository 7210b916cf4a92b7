"""What an installer makes of wheels in an environment of its own: which files, and which of them
can be run.
"""

import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from tests.pkgindex.strange_wheels import OWN

_SITE = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
_HOMES = {"purelib": _SITE, "platlib": _SITE, "scripts": "bin", "data": "."}
# Each installer writes launchers of entry points in words of its own.
_LAUNCHER = b"sys.exit("
_BIN = Path(sys.executable).parent
_INTO = ("--python", "{python}")
_ALONE = ("--no-deps", "--no-index")


def installers(pip: str = "") -> dict[str, list[str | Path]]:
    """pip, from this wheel of it or the one that is here, and uv."""
    run_pip = [f"{pip}/pip"] if pip else ["-m", "pip"]
    quiet = ["--disable-pip-version-check", *_INTO, "install", "--no-compile"]
    return {
        "pip": [sys.executable, *run_pip, *quiet, *_ALONE],
        "uv": [_BIN / "uv", "pip", "install", "--no-config", *_INTO, *_ALONE],
    }


def differences(
    wheels: Mapping[str, bytes], commands: Mapping[str, list[str | Path]], folder: Path
) -> list[str]:
    """What is not installed by all alike, and as the wheels, by file name, hold it."""
    trees = {}
    for name, command in commands.items():
        (folder / name).mkdir()
        trees[name] = install(command, wheels, folder / name)
    if failed := [f"{name}: {tree.said[-300:]}" for name, tree in trees.items() if tree.said]:
        return failed
    first, *others = [tree.files for tree in trees.values()]
    paths = {path for other in others for path in other.keys() | first.keys()}
    odd = {path for path in paths if any(other.get(path) != first.get(path) for other in others)}
    for content in wheels.values():
        odd |= {path for path, data in held(content).items() if first.get(path, ("",))[0] != data}
    return [
        f"{path[-100:]}: {[str(tree.files.get(path))[:100] for tree in trees.values()]}"
        for path in sorted(odd)
    ]


@dataclass(frozen=True)
class Tree:
    """What was installed: bytes by path, and whether they can be run if they lie where programs
    do. `said` if it failed.
    """

    files: dict[str, tuple[bytes, bool]]
    said: str = ""


def install(command: list[str | Path], wheels: Mapping[str, bytes], folder: Path) -> Tree:
    """Install all of *wheels* (by file name) with *command*, in which {python} stands for that of
    a new environment.
    """
    home = folder / "env"
    venv.create(home, with_pip=False, symlinks=True)
    before = set(_paths(home))
    files = []
    for name, content in wheels.items():
        files.append(folder / name)
        files[-1].write_bytes(content)
    done = subprocess.run(
        [str(part).replace("{python}", f"{home}/bin/python") for part in (*command, *files)],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "UV_CACHE_DIR": str(folder / "cache"),
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_NO_CACHE_DIR": "1",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        return Tree({}, done.stdout.decode("utf-8", "replace") or "failed")
    before.add(home / ".lock")  # uv's
    paths = [path for path in _paths(home) if path not in before and not _is_own(path)]
    return Tree({str(path.relative_to(home)): _look(path, home) for path in paths})


def held(content: bytes) -> dict[str, bytes]:
    """The files that must be there, but for scripts, whose first line is changed, and headers."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        homes = {name: _home_of(name) for name in names if not _is_own(Path(name))}
        return {home: archive.read(name) for name, home in homes.items() if home}


def _home_of(name: str) -> str:
    top, _, rest = name.partition("/")
    if not (top.endswith(".data") and rest):
        return f"{_SITE}/{name}"
    scheme, _, path = rest.partition("/")
    home = "" if scheme == "scripts" else _HOMES.get(scheme, "")
    return str(Path(home, path)) if home else ""


def _paths(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if not path.is_dir() or path.is_symlink()]


def _is_own(path: Path) -> bool:
    return path.parent.name.endswith(".dist-info") and path.name in OWN


def _look(path: Path, home: Path) -> tuple[bytes, bool]:
    content = b"link" if path.is_symlink() else path.read_bytes()
    is_program = path.parent == home / "bin"
    if is_program and _LAUNCHER in content:
        content = b"launcher"
    is_run = is_program and os.access(path, os.X_OK)
    return content.replace(os.fsencode(home), b"ENV"), is_run
