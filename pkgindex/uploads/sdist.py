"""Look into a source distribution without unpacking it."""

import gzip
import tarfile
from typing import IO, cast

from pkgindex.uploads import core_metadata
from pkgindex.uploads.members import MAX_MEMBERS, check_name, check_unpacked_size
from pkgindex.uploads.refusals import UploadRefused, shown

_BLOCK = 256 * 1024  # bytes


def read_sdist(file: IO[bytes], *, size: int, filename: str) -> bytes:
    """The PKG-INFO of a sound sdist. Raises UploadRefused for any other file.

    The stream is read once and counted, so a bomb is noticed before it is large.
    """
    try:
        file.seek(0)
        with (
            gzip.GzipFile(fileobj=file, mode="rb") as unpacked,
            tarfile.open(
                fileobj=cast("IO[bytes]", _Counted(unpacked, packed=size)), mode="r|"
            ) as archive,
        ):
            return _read(archive, top=filename.removesuffix(".tar.gz"))
    except UploadRefused:
        raise
    except Exception as error:
        raise UploadRefused(
            f"The file cannot be read as an sdist: {type(error).__name__}: {error}."
        ) from error


class _Counted:
    """A stream that refuses to give more than the packed size makes believable."""

    def __init__(self, stream: gzip.GzipFile, *, packed: int) -> None:
        self._stream = stream
        self._packed = packed
        self._given = 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._given += len(data)
        check_unpacked_size(self._given, packed=self._packed)
        return data


def _read(archive: tarfile.TarFile, *, top: str) -> bytes:
    content: bytes | None = None
    seen: set[str] = set()
    links: set[str] = set()
    for member in archive:
        _check_member(member, seen, top)
        _check_parents(member, links)
        if member.name == f"{top}/PKG-INFO":
            content = _read_member(archive, member)
    if content is None:
        raise UploadRefused(f"The sdist has no {top}/PKG-INFO.")
    core_metadata.check_license_files(content, seen, top)
    _check_rest(archive)
    return content


def _check_rest(archive: tarfile.TarFile) -> None:
    """Behind its end there are zeros, and then gzip's checksum, and nothing else: whatever reads on
    there than we did finds nothing.
    """
    assert archive.fileobj is not None  # it is open
    while block := archive.fileobj.read(_BLOCK):
        if block.strip(b"\0"):
            raise UploadRefused("The sdist has other bytes behind its end.")


def _check_member(member: tarfile.TarInfo, seen: set[str], top: str) -> None:
    check_name(member.name)
    if member.name.split("/", 1)[0] != top:
        raise UploadRefused(f"{shown(member.name)} in the sdist is not in the folder '{top}'.")
    if member.name in seen and not member.isdir():
        raise UploadRefused(f"The sdist has {shown(member.name)} twice.")
    seen.add(member.name)
    if len(seen) > MAX_MEMBERS:
        raise UploadRefused(f"The sdist has more than {MAX_MEMBERS} entries.")
    is_link = member.issym() or member.islnk()
    # A sparse file of a few bytes may unpack to a terabyte.
    if not (member.isreg() or member.isdir() or is_link) or member.issparse():
        raise UploadRefused(f"{shown(member.name)} in the sdist is not a file, folder or link.")
    if is_link:
        _check_link(member, top)


def _check_parents(member: tarfile.TarInfo, links: set[str]) -> None:
    """Nothing is unpacked through a link."""
    parts = member.name.split("/")
    if any("/".join(parts[:count]) in links for count in range(1, len(parts))):
        raise UploadRefused(f"{shown(member.name)} in the sdist lies behind a link.")
    if member.issym() or member.islnk():
        links.add(member.name)


def _check_link(member: tarfile.TarInfo, top: str) -> None:
    """A link leads to something in the folder: a symbolic one from where it lies, a hard one
    from the top. Steps upwards stand only at its beginning, where no other link can bend them.
    """
    begin = member.name.split("/")[:-1] if member.issym() else []
    steps = member.linkname.split("/")
    upwards = next((n for n, step in enumerate(steps) if step != ".."), len(steps))
    leads_to = [*begin[: len(begin) - upwards], *steps[upwards:]]
    if (
        upwards > max(len(begin) - 1, 0)
        or ".." in leads_to
        or leads_to[:1] != [top]
        or not member.linkname
        or member.linkname.startswith("/")
        or "\\" in member.linkname
    ):
        raise UploadRefused(
            f"{shown(member.name)} leads out of the sdist, to {shown(member.linkname)}."
        )


def _read_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if not member.isreg():
        raise UploadRefused(f"{member.name} in the sdist is not a file.")
    if member.size > core_metadata.MAX_BYTES:
        limit = core_metadata.MAX_BYTES // 2**20
        raise UploadRefused(f"{member.name} in the sdist is larger than {limit} MB.")
    stream = archive.extractfile(member)
    assert stream is not None  # it is a regular file
    return stream.read()
