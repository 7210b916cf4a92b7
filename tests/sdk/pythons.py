"""The other Pythons of this machine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path


def find_pythons() -> list[str]:
    """The oldest and the newest that the client is for, of those on this machine."""
    home = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [sys.executable, *map(str, home.glob("versions/*/bin/python3"))]
    candidates += [found for minor in range(9, 20) if (found := shutil.which(f"python3.{minor}"))]
    known: dict[tuple[int, int], str] = {}
    for python in candidates:
        code = "import sys, ssl; print(*sys.version_info[:2])"
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            major, minor = map(int, done.stdout.split())
            known.setdefault((major, minor), python)
    usable = sorted(version for version in known if version >= (3, 9))
    return [known[version] for version in dict.fromkeys([usable[0], usable[-1]])]
