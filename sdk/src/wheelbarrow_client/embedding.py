"""For vendors: put this client into a package, with what the package is to trust."""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path

PUBLIC_KEY_BYTES = 32


def embed(
    package: Path, *, roots: Sequence[str], released: str, revoked: Sequence[str] = ()
) -> None:
    """Copy the client into *package* (the folder with its `__init__.py`) as `_client`, and write
    `_key.py` beside it: `PUBLIC_KEYS`, `REVOKED_KEYS` and `RELEASED`, for `Product`. What is there
    is replaced.

    Raises ValueError for a key, an id of a key or a day that is none, and OSError.
    """
    if not (package / "__init__.py").is_file():
        raise ValueError(f"{package} is no package: it has no __init__.py")
    keys = [_public_key(text) for text in roots]
    kids = [_key_id(text) for text in revoked]
    day = date.fromisoformat(released)
    shutil.rmtree(package / "_client", ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(__file__).parent, package / "_client", ignore=ignored)
    text = (
        f'"""What this release was built with."""\n\nPUBLIC_KEYS = {_listed(keys)}\n'
        f'REVOKED_KEYS = {_listed(kids)}\nRELEASED = "{day.isoformat()}"\n'
    )
    (package / "_key.py").write_text(text, encoding="ascii")


def _listed(texts: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]"


def _key_id(text: str) -> str:
    """As `manage.py signing_key list` prints it."""
    if re.fullmatch("[0-9a-f]{16}", text) is None:
        raise ValueError(f"{text!r} is no key's id: 16 hex characters")
    return text


def _public_key(text: str) -> str:
    """As `manage.py make_root_key` printed it."""
    if len(base64.b64decode(text, validate=True)) != PUBLIC_KEY_BYTES:
        raise ValueError(f"{text!r} is no public key: 32 bytes in base64")
    return text
