"""What holds for the members of any archive, wheel or sdist."""

import re

from pkgindex.uploads.refusals import UploadRefused, shown

MAX_MEMBERS = 20_000
# Below it no ratio is suspicious: a small file of many zeros is no bomb.
UNSUSPICIOUS_BYTES = 64 * 1024 * 1024
MAX_RATIO = 50
_MAX_PART, _MAX_PATH = 255, 1000  # bytes; file systems take no more, with a folder in front of it
_DRIVE = re.compile(r"[A-Za-z]:")


def unpacked_limit(packed: int) -> int:
    """How many bytes an archive of *packed* bytes may hold."""
    return max(UNSUSPICIOUS_BYTES, packed * MAX_RATIO)


def check_unpacked_size(unpacked: int, *, packed: int) -> None:
    if unpacked > unpacked_limit(packed):
        raise UploadRefused(
            f"The archive of {packed} bytes unpacks to more than {unpacked_limit(packed)} bytes."
        )


def check_name(name: str) -> None:
    """Raises UploadRefused for a name that would be unpacked outside of the archive's folder, or
    not under this name.
    """
    parts = name.split("/")
    if _DRIVE.match(name) or "\\" in name or "" in parts[:-1] or {".", ".."} & set(parts):
        raise UploadRefused(f"The archive has the unsafe path {shown(name)}.")
    lengths = [len(part.encode("utf-8", "replace")) for part in parts]
    is_long = max(lengths) > _MAX_PART or sum(lengths) + len(parts) > _MAX_PATH
    if not name.strip("/") or not name.isprintable() or is_long:
        raise UploadRefused(f"The archive has the unreadable name {shown(name)}.")
