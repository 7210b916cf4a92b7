"""Whether the packed bytes of a wheel's members are whole streams.

Python's zipfile stops when it has as many bytes as the directory promises. uv reads on to the end
of the stream, and refuses the whole wheel where that never comes or comes too early.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterable
from typing import IO

from pkgindex.uploads.refusals import UploadRefused, shown

_HEAD = 30  # bytes of an entry's own header, before its name and extra field
_LENGTHS = struct.Struct("<2H")  # of these two, the last of the header
_BLOCK = 256 * 1024  # bytes read, or unpacked, at once


def check_streams(members: Iterable[zipfile.ZipInfo], file: IO[bytes]) -> None:
    """Raises UploadRefused unless each deflated member ends where its packed bytes end."""
    for member in members:
        if member.compress_type == zipfile.ZIP_DEFLATED and not _is_whole(member, file):
            raise UploadRefused(f"{shown(member.filename)} in the wheel is not packed to its end.")


def _is_whole(member: zipfile.ZipInfo, file: IO[bytes]) -> bool:
    file.seek(member.header_offset + _HEAD - _LENGTHS.size)
    file.seek(sum(_LENGTHS.unpack(file.read(_LENGTHS.size))), 1)
    left, unpacker = member.compress_size, zlib.decompressobj(-zlib.MAX_WBITS)
    room = member.file_size  # what the directory promises, and was found to be not too much
    while left and not unpacker.eof:
        block = file.read(min(left, _BLOCK))
        left -= len(block)
        while block and not unpacker.eof:
            room -= len(unpacker.decompress(block, _BLOCK))
            if room < 0:
                return False
            block = unpacker.unconsumed_tail
    room -= len(unpacker.flush())  # the last bytes, which may have been held back
    return room == 0 and unpacker.eof and not left and not unpacker.unused_data
