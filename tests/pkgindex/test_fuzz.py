"""Spoiled archives by the thousand: each is read as it was meant, or refused with a sentence.

`FUZZ=1000000 bin/test tests/pkgindex/test_fuzz.py` goes on for as long as one likes.
"""

import gzip
import io
import os
import random
import struct
import time
import zipfile
import zlib
from collections.abc import Callable

import pytest

from pkgindex.uploads.core_metadata import read_core_metadata
from pkgindex.uploads.form import Form, read_form
from pkgindex.uploads.refusals import UploadRefused
from pkgindex.uploads.sdist import read_sdist
from pkgindex.uploads.wheel import read_wheel
from tests.pkgindex.wheels import build_sdist, build_wheel

NUMBER = int(os.environ.get("FUZZ", "2000"))
SLICES = 8
LOCAL = struct.Struct("<4s5H3L2H")
FORM = {
    ":action": "file_upload",
    "protocol_version": "1",
    "filetype": "bdist_wheel",
    "pyversion": "py3",
    "name": "hare",
    "version": "1.0",
    "sha256_digest": "0",
}
TELLING = [b"\x00", b"\xff", b"\xff\xff\xff\xff", b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"/"]


def spoil(content: bytes, dice: random.Random) -> bytes:
    """One to four wounds, most of them near a header."""
    marks = [at for at in range(len(content) - 1) if content[at : at + 2] == b"PK"] or [0]
    data = bytearray(content)
    for _ in range(dice.randint(1, 4)):
        near = dice.choice(marks) + dice.randint(0, 48)
        at = min(near if dice.random() < 0.7 else dice.randrange(len(data)), len(data) - 1)
        length = dice.randint(1, 24)
        other = dice.randrange(len(data))
        wound = dice.choice(["flip", "put", "cut", "add", "copy"])
        if wound == "flip":
            data[at] ^= 1 << dice.randrange(8)
        elif wound == "put":
            piece = dice.choice(TELLING)
            data[at : at + len(piece)] = piece
        elif wound == "cut":
            del data[at : at + length]
        elif wound == "add":
            data[at:at] = dice.randbytes(length)
        else:
            data[at:at] = data[other : other + length * 4]
    return bytes(data)


def as_wheel(content: bytes, form: Form) -> None:
    metadata = read_wheel(io.BytesIO(content), size=len(content), form=form)
    read_core_metadata(metadata, form)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        from_the_end = {name: archive.read(name) for name in archive.namelist()}
    assert from_the_front(content) == from_the_end


def from_the_front(content: bytes) -> dict[str, bytes]:
    """Entry after entry, as an installer sees it that unpacks while it downloads."""
    found, at = {}, 0
    while content[at : at + 4] == b"PK\x03\x04":
        _, _, _, method, _, _, _, packed, _, names, extra = LOCAL.unpack_from(content, at)
        at += LOCAL.size
        name = content[at : at + names].decode("cp437")
        at += names + extra
        body = content[at : at + packed]
        found[name] = zlib.decompress(body, -15) if method else body
        at += packed
    return found


def as_sdist(content: bytes, form: Form) -> None:
    packed = gzip.compress(content, 1)
    metadata = read_sdist(io.BytesIO(packed), size=len(packed), filename="hare-1.0.tar.gz")
    read_core_metadata(metadata, form)


@pytest.mark.parametrize("part", range(SLICES))
@pytest.mark.parametrize(
    ("sound", "read"),
    [
        (build_wheel("hare", "1.0"), as_wheel),
        (gzip.decompress(build_sdist("hare", "1.0")), as_sdist),
    ],
    ids=["wheel", "sdist"],
)
def test_a_spoiled_archive_is_read_as_it_was_meant_or_refused(
    sound: bytes, read: Callable[[bytes, Form], None], part: int
):
    form = read_form(FORM)
    read(sound, form)
    taken = refused = 0

    for seed in range(part, NUMBER, SLICES):
        content = spoil(sound, random.Random(seed))
        began = time.monotonic()
        try:
            read(content, form)
            taken += 1
        except UploadRefused:
            refused += 1
        except BaseException as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
        assert time.monotonic() - began < 2, seed

    assert taken + refused == len(range(part, NUMBER, SLICES))
    assert refused > taken  # and not everything, or nothing was spoiled
