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
_END = struct.Struct("<4s4H2LH")  # the end record, without a comment
_END_MARK = b"PK\x05\x06"
_SIZES_BEHIND = 0x8  # bit of the flags: checksum and sizes stand behind the entry …
_BEHIND_LENGTHS = {12, 16, 20, 24}  # … with or without a mark, of 32 or 64 bits


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
    return int(begins)


def _check_entry(member: zipfile.ZipInfo, file: IO[bytes], limit: int) -> None:
    """The entry's own header says what the directory says, and it ends at *limit*."""
    file.seek(member.header_offset)
    mark, _, flags, method, *_, name_length, extra_length = _LOCAL.unpack(file.read(_LOCAL.size))
    name = file.read(name_length)
    if (mark, flags, method) != (_LOCAL_MARK, member.flag_bits, member.compress_type):
        raise _refuse(member)
    if name != member.orig_filename.encode("utf-8" if flags & 0x800 else "cp437"):
        raise _refuse(member)
    behind = limit - (file.tell() + extra_length + member.compress_size)
    if behind and not (flags & _SIZES_BEHIND and behind in _BEHIND_LENGTHS):
        raise _refuse(member)


def _refuse(member: zipfile.ZipInfo) -> UploadRefused:
    return UploadRefused(f"{shown(member.filename)} in the wheel is not what its directory says.")
