"""Checks at upload: what is in an sdist."""

import gzip
import io
import tarfile

import pytest

from tests.pkgindex.refusing import assert_refused, member
from tests.pkgindex.uploader import Uploader
from tests.pkgindex.wheels import build_sdist, build_wheel, metadata_text, tar_of

pytestmark = pytest.mark.django_db


def tar_with(*members: tarfile.TarInfo, info: bool = True) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        text = metadata_text("hare", "1.0").encode()
        head = tarfile.TarInfo("hare-1.0/PKG-INFO")
        head.size = len(text)
        if info:
            archive.addfile(head, io.BytesIO(text))
        for member in members:
            archive.addfile(member, io.BytesIO(b"\x00" * member.size))
    return target.getvalue()


SDIST = build_sdist("hare", "1.0")
TAR = gzip.decompress(SDIST)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "cannot be read as an sdist"),
        (b"no sdist", "cannot be read as an sdist"),
        (build_wheel("hare", "1.0"), "cannot be read as an sdist"),
        (gzip.compress(b"no tar" * 200), "cannot be read as an sdist"),
        (build_sdist("hare", "1.0")[:-20], "cannot be read as an sdist"),
        (SDIST[:-8] + b"crc!" + SDIST[-4:], "cannot be read as an sdist: BadGzipFile: CRC"),
        (SDIST + b"more", "cannot be read as an sdist: BadGzipFile"),
        (SDIST + gzip.compress(TAR), "The sdist has other bytes behind its end."),
        (gzip.compress(TAR + bytes(70 * 2**20)), "unpacks to more than 67108864 bytes."),
        (tar_of({"hare-1.0/setup.py": b""}), "The sdist has no hare-1.0/PKG-INFO."),
        (tar_with(member("other/setup.py")), "'other/setup.py' in the sdist is not in the folder"),
        (tar_with(member("../evil")), "The archive has the unsafe path '../evil'."),
        (tar_with(member("/etc/evil")), "The archive has the unsafe path '/etc/evil'."),
        (tar_with(member("hare-1.0/PKG-INFO")), "The sdist has 'hare-1.0/PKG-INFO' twice."),
        (
            tar_with(member("hare-1.0/fifo", type=tarfile.FIFOTYPE)),
            "is not a file, folder or link.",
        ),
        (
            tar_with(member("hare-1.0/PKG-INFO", size=5 * 2**20), info=False),
            "PKG-INFO in the sdist is larger than 4 MB.",
        ),
        (
            tar_with(member("hare-1.0/PKG-INFO", type=tarfile.SYMTYPE, linkname="x"), info=False),
            "hare-1.0/PKG-INFO in the sdist is not a file.",
        ),
        (
            tar_with(member("hare-1.0/zeros", size=66 * 2**20)),
            "unpacks to more than 67108864 bytes.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "archive",
)
def test_an_sdist_that_is_not_sound_is_refused(uploader: Uploader, content: bytes, sentence: str):
    assert_refused(uploader.sdist("hare", "1.0", content), sentence)
