"""Wheels spoiled in their frame or in what they say, and what installers make of those taken."""

import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

from pkgindex.uploads.form import Form, read_form
from pkgindex.uploads.refusals import UploadRefused
from tests.pkgindex.strange_requests import spoil_text
from tests.pkgindex.test_fuzz import FORM, as_wheel, spoil
from tests.pkgindex.wheels import build_wheel, metadata_text

SLOTS = 40  # names, so that as many wheels are installed at once
LINES = [
    "Requires-Dist: rabbit>=1; python_version<'3.13'", "Requires-Python: >=3.9,<4", "Classifier: x",
    "Author-Email: A <a@b.example>", "Project-URL: Home, https://a.example", "Provides-Extra: x",
    "Description-Content-Type: text/markdown", "License-Expression: MIT", "License-File: LICENSE",
    "Dynamic: version", "Keywords: a,b", "Import-Name: hare", "Summary: \u00e4", "Platform: any",
]  # fmt: skip
# What an installer writes of its own.
OWN = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}


def name_of(seed: int) -> str:
    return f"hare{seed % SLOTS:02}"


def form_of(name: str) -> Form:
    return read_form(FORM | {"name": name})


def spoiled_frame(seed: int) -> bytes:
    return spoil(build_wheel(name_of(seed), "1.0"), random.Random(seed))


def spoiled_metadata(seed: int) -> bytes:
    """A sound archive whose METADATA says strange things."""
    dice = random.Random(seed)
    version = dice.choice(["2.1", "2.2", "2.3", "2.4", "2.5", "3.0"])
    head, _, body = metadata_text(name_of(seed), "1.0", metadata_version=version).partition("\n\n")
    lines = head.split("\n") + dice.sample(LINES, dice.randint(0, 5))
    at = dice.randrange(len(lines))
    lines[at] = spoil_text(lines[at], dice) if dice.random() < 0.8 else lines[0]
    text = "\n".join(lines) + "\n\n" + body
    return build_wheel(name_of(seed), "1.0", text.replace("\r", "\n"))


def taken(make: Callable[[int], bytes], seed: int) -> bytes | None:
    """The wheel of this seed if the upload door takes it; None if it says why not."""
    content = make(seed)
    try:
        as_wheel(content, form_of(name_of(seed)))
    except UploadRefused:
        return None
    return content


def held(content: bytes) -> dict[str, bytes]:
    """The files that an installer should write."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {
            name: archive.read(name)
            for name in archive.namelist()
            if not name.endswith("/") and name.rpartition("/")[2] not in OWN
        }


def installed(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in OWN and path.suffix != ".pyc"
        and not path.name.startswith(".")
    }  # fmt: skip
