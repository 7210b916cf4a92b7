"""Whether a wheel is the same from its front and from its end.

uv unpacks while it downloads, entry after entry; pip reads the directory at the end. A wheel in
which the two find something else would be one package to us and another one to some installers.
"""

import os
import struct
import zipfile
from typing import IO

from pkgindex.uploads.refusals import UploadRefused, shown

_LOCAL = struct.Struct("<4s5H3L2H")  # an entry's own header, without its name and extra field
_LOCAL_MARK = b"PK\x03\x04"
_LINE = struct.Struct("<4s6H3L5H2L")  # an entry of the directory, without name, extra and comment
_LINE_MARK = b"PK\x01\x02"
_END = struct.Struct("<4s4H2LH")  # the end record, without a comment
_END_MARK = b"PK\x05\x06"
_SIZES_BEHIND = 0x8  # bit of the flags: checksum and sizes stand behind the entry
_MAX_BEHIND = 24  # bytes
_NEWEST = 63  # version of the format times ten, which every reader knows
_LARGE = 0xFFFFFFFF  # a size of 64 bits, which stands in the extra field


def check_frame(archive: zipfile.ZipFile, file: IO[bytes]) -> None:
    """Entries lie one behind the other from the first byte on, under the names that the directory
    gives them; then the directory, then the end record, and nothing else. Raises UploadRefused.
    """
    members = sorted(archive.infolist(), key=lambda member: member.header_offset)
    if not members or members[0].header_offset != 0:
        raise UploadRefused("The wheel does not begin with a zip entry.")
    directory_begins = _check_end(archive, file)
    limits = [member.header_offset for member in members[1:]] + [directory_begins]
    for member, limit in zip(members, limits, strict=True):
        _check_entry(member, file, limit)


def _check_end(archive: zipfile.ZipFile, file: IO[bytes]) -> int:
    """Where the directory begins, which must end where the end record begins."""
    end = file.seek(-_END.size, os.SEEK_END)
    mark, disk, first_disk, here, entries, length, begins, comment = _END.unpack(
        file.read(_END.size)
    )
    if mark != _END_MARK or comment:
        raise UploadRefused("The wheel has a comment or other bytes after its zip directory.")
    count = len(archive.infolist())
    if (disk, first_disk, here, entries) != (0, 0, count, count) or begins + length != end:
        raise UploadRefused("The wheel's zip directory is not what its end says.")
    _check_directory(file, begins, end, count)
    return int(begins)


def _check_directory(file: IO[bytes], begins: int, end: int, count: int) -> None:
    """The lengths in it lead from line to line and to its end. Python takes a comment that is
    longer than what is left; uv refuses the whole wheel.
    """
    at = begins
    for _ in range(count):
        file.seek(at)
        line = file.read(_LINE.size)
        if at + _LINE.size > end:
            break
        mark, *_, name, extra, comment, disk, _, _, _ = _LINE.unpack(line)
        if mark != _LINE_MARK or disk != 0:
            break
        at += _LINE.size + name + extra + comment
    if at != end:
        raise UploadRefused("The lines of the wheel's zip directory do not fill it.")


def _check_entry(member: zipfile.ZipInfo, file: IO[bytes], limit: int) -> None:
    """The entry's own header says what the directory says, and it ends at *limit*."""
    file.seek(member.header_offset)
    mark, version, flags, method, _, _, *said, name_length, extra_length = _LOCAL.unpack(
        file.read(_LOCAL.size)
    )
    name = file.read(name_length)
    if (mark, flags, method) != (_LOCAL_MARK, member.flag_bits, member.compress_type):
        raise _refuse(member)
    if version > _NEWEST:
        raise UploadRefused(f"{shown(member.filename)} needs version {version / 10} of zip.")
    if name != member.orig_filename.encode("utf-8" if flags & 0x800 else "cp437"):
        raise _refuse(member)
    extra = file.read(extra_length)
    file.seek(member.compress_size, os.SEEK_CUR)
    left = limit - file.tell()
    if not 0 <= left <= _MAX_BEHIND:
        raise _refuse(member)
    behind = file.read(left)
    true = (member.CRC, member.compress_size, member.file_size)
    ends = _says_behind(behind, true) if flags & _SIZES_BEHIND else not behind
    if not ends or not _says(said, extra, true, flags):
        raise _refuse(member)


def _says(said: list[int], extra: bytes, true: tuple[int, int, int], flags: int) -> bool:
    """Whether checksum and sizes in front of the entry are the true ones; sizes that stand behind
    it are zero here, and those of 64 bits stand in the extra field.
    """
    if flags & _SIZES_BEHIND:
        return all(value in {0, _LARGE, right} for value, right in zip(said, true, strict=True))
    if said[1] == said[2] == _LARGE:
        large = struct.pack("<2H2Q", 1, 16, true[2], true[1])
        return said[0] == true[0] and extra[: len(large)] == large
    return tuple(said) == true


def _says_behind(behind: bytes, true: tuple[int, int, int]) -> bool:
    """Checksum and sizes behind an entry, of 32 or 64 bits, with a mark or without."""
    values = behind.removeprefix(b"PK\x07\x08") if len(behind) in {16, 24} else behind
    form = {12: "<3L", 20: "<L2Q"}.get(len(values))
    return form is not None and struct.unpack(form, values) == true


def _refuse(member: zipfile.ZipInfo) -> UploadRefused:
    return UploadRefused(f"{shown(member.filename)} in the wheel is not what its directory says.")
