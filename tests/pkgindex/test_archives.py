"""Archives that two readers could take for two different things, or that reach outside."""

import io
import struct
import tarfile
import zipfile
import zlib
from typing import Any

import pytest

from pkgindex.models import File
from tests.pkgindex.uploader import Uploader
from tests.pkgindex.wheels import build_wheel, metadata_text, record_of, wheel_files, zip_of

pytestmark = pytest.mark.django_db

END = struct.Struct("<4s4H2LH")  # the end record of a zip
CENTRAL = b"PK\x01\x02"


def local_entry(name: str, content: bytes) -> bytes:
    """A stored entry as it lies in front of the directory, without a line in it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(name, content)
    return target.getvalue()[: target.getvalue().index(CENTRAL)]


def with_gap(stray: bytes) -> bytes:
    """A sound wheel with *stray* between its last entry and its directory."""
    content = build_wheel("hare", "1.0")
    fields = list(END.unpack(content[-END.size :]))
    start = fields[6]
    fields[6] += len(stray)
    return content[:start] + stray + content[start : -END.size] + END.pack(*fields)


def with_gap_inside(stray: bytes) -> bytes:
    """The same between the first and the second entry."""
    content = build_wheel("hare", "1.0")
    second = content.index(b"PK\x03\x04", 4)
    fields = list(END.unpack(content[-END.size :]))
    directory = bytearray(content[fields[6] : -END.size])
    at = directory.index(CENTRAL, 4)
    while at >= 0:  # each later entry begins further back
        offset = struct.unpack_from("<L", directory, at + 42)[0]
        struct.pack_into("<L", directory, at + 42, offset + len(stray))
        at = directory.find(CENTRAL, at + 4)
    fields[6] += len(stray)
    head = content[:second] + stray + content[second : fields[6] - len(stray)]
    return head + bytes(directory) + END.pack(*fields)


def with_other_local_name() -> bytes:
    """The directory says hare/__init__.py; who reads the entry itself finds hare/__evil__.py."""
    content = build_wheel("hare", "1.0")
    return content.replace(b"hare/__init__.py", b"hare/__evil__.py", 1)


def with_wrong_count() -> bytes:
    """The end record knows of one entry less."""
    content = build_wheel("hare", "1.0")
    fields = list(END.unpack(content[-END.size :]))
    fields[3] -= 1
    fields[4] -= 1
    return content[: -END.size] + END.pack(*fields)


def with_long_line(field: int, value: int) -> bytes:
    """The last line of the directory says that more belongs to it than is there."""
    content = bytearray(build_wheel("hare", "1.0"))
    struct.pack_into("<H", content, content.rindex(CENTRAL) + field, value)
    return bytes(content)


def with_version(version: int) -> bytes:
    """An entry says that readers need a later version of the format."""
    content = bytearray(build_wheel("hare", "1.0"))
    struct.pack_into("<H", content, content.index(b"PK\x03\x04", 4) + 4, version)
    return bytes(content)


def with_endless_stream() -> bytes:
    """No block of the first member's packed bytes says that it is the last one."""
    content = bytearray(build_wheel("hare", "1.0"))
    name, extra = struct.unpack_from("<2H", content, 26)
    content[30 + name + extra] &= 0xFE
    return bytes(content)


def with_stream(more: bytes = b"", behind: bytes = b"") -> bytes:
    """In the first member there is *more* than the directory says, or bytes *behind* its end."""
    files = wheel_files("hare", "1.0")
    path = "hare-1.0.dist-info/RECORD"
    record = record_of(files, path)
    packer = zlib.compressobj(wbits=-15)
    plain = files["hare/__init__.py"]
    files["hare/__init__.py"] = packer.compress(plain + more) + packer.flush() + behind
    content = bytearray(zip_of(files | {path: record}, compression=zipfile.ZIP_STORED))
    for at in (0, content.index(CENTRAL) + 2):  # the directory's line has one field more in front
        struct.pack_into("<H", content, at + 8, zipfile.ZIP_DEFLATED)
        struct.pack_into("<L", content, at + 14, zlib.crc32(plain))
        struct.pack_into("<L", content, at + 22, len(plain))
    return bytes(content)


EVIL = local_entry("hare/evil.py", b"import os")


@pytest.mark.parametrize(
    "content",
    [
        with_gap(EVIL),
        with_gap(b"\x00" * 30),
        with_gap_inside(EVIL),
        with_gap_inside(b"x"),
        with_other_local_name(),
        with_wrong_count(),
        with_long_line(32, 0x4B50),  # its comment
        with_long_line(34, 1),  # the disk that it begins on
        with_version(64),
        with_endless_stream(),
        with_stream(behind=b"x"),
        with_stream(more=b"import os"),
        with_stream(more=bytes(10**6)),
    ],
    ids=[
        "entry behind",
        "bytes behind",
        "entry between",
        "byte between",
        "name",
        "count",
        "comment",
        "disk",
        "version",
        "endless",
        "beyond its end",
        "more than it says",
        "far more",
    ],
)
def test_a_wheel_that_reads_differently_from_its_front_is_refused(
    uploader: Uploader, content: bytes
):
    """uv unpacks while it downloads, from the front; pip reads the directory at the end."""
    said = uploader.wheel("hare", "1.0", content)

    assert said.status == 400, said
    assert not File.objects.exists()


def streamed_wheel() -> bytes:
    """Written without seeking back: sizes stand behind each entry (data descriptors)."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: Any) -> int:
            raise io.UnsupportedOperation

        def tell(self) -> int:
            raise io.UnsupportedOperation

    target = Pipe()
    files = wheel_files("hare", "1.0")
    record = "hare-1.0.dist-info/RECORD"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (files | {record: record_of(files, record)}).items():
            archive.writestr(name, content)
    return target.getvalue()


def large_file_wheel() -> bytes:
    """As some backends write each file: with room for sizes of 64 bits."""
    target = io.BytesIO()
    files = wheel_files("hare", "1.0")
    record = "hare-1.0.dist-info/RECORD"
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in (files | {record: record_of(files, record)}).items():
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(content)
    return target.getvalue()


@pytest.mark.parametrize("make", [streamed_wheel, large_file_wheel])
def test_other_sound_ways_to_write_a_wheel_are_taken(uploader: Uploader, make: Any):
    assert uploader.wheel("hare", "1.0", make()).status == 200


def sdist_with(**attributes: Any) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        text = metadata_text("hare", "1.0").encode()
        head = tarfile.TarInfo("hare-1.0/PKG-INFO")
        head.size = len(text)
        archive.addfile(head, io.BytesIO(text))
        info = tarfile.TarInfo("hare-1.0/docs/link")
        for name, value in attributes.items():
            setattr(info, name, value)
        archive.addfile(info)
    return target.getvalue()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../../evil", "../../../etc/passwd", "a/../../../b", "..\\..\\x", ""]
)
def test_a_link_that_leads_out_of_an_sdist_is_refused(uploader: Uploader, kind: bytes, target: str):
    said = uploader.sdist("hare", "1.0", sdist_with(type=kind, linkname=target))

    assert said.status == 400, said
    assert "leads out of" in said.reason


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "../PKG-INFO"),
        (tarfile.SYMTYPE, "other"),
        (tarfile.LNKTYPE, "hare-1.0/PKG-INFO"),
    ],
)
def test_a_link_inside_an_sdist_is_taken(uploader: Uploader, kind: bytes, target: str):
    assert uploader.sdist("hare", "1.0", sdist_with(type=kind, linkname=target)).status == 200


def test_a_sparse_member_of_an_sdist_is_refused(uploader: Uploader):
    """A few bytes that unpack to a terabyte."""
    headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.size": str(2**40)}
    headers |= {"GNU.sparse.map": "0,0", "GNU.sparse.numblocks": "1"}

    said = uploader.sdist("hare", "1.0", sdist_with(pax_headers=headers))

    assert said.status == 400, said
    assert "is not a file, folder or link" in said.reason
