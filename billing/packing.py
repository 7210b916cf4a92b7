"""Many short entries in Stripe's metadata: at most 50 keys of 40 and values of 500 characters.

    wb_backup    1 3 5f2d61…          version, number of values, SHA-256 of them (12 characters)
    wb_backup_0  lic:… lic:… key:…    entries, divided by spaces
    wb_backup_1  …

Keys of others are left alone. Values beyond the number in the header are left-overs.
"""

import hashlib
from collections.abc import Iterable, Mapping

HEADER = "wb_backup"
VERSION = "1"
MAX_VALUE = 500
MAX_VALUES = 45  # of Stripe's 50 keys; the others are for the header and the owner's own


class TooMuchToPack(Exception):
    """The entries do not fit in Stripe's metadata."""


class BackupDamaged(Exception):
    """The metadata is incomplete, or was changed by another hand."""


def pack(entries: Iterable[str]) -> dict[str, str]:
    """Metadata that holds *entries*, none of which has a space in it."""
    values: list[str] = []
    for entry in entries:
        assert " " not in entry
        assert len(entry) <= MAX_VALUE
        if values and len(values[-1]) + 1 + len(entry) <= MAX_VALUE:
            values[-1] += " " + entry
        else:
            values.append(entry)
    if len(values) > MAX_VALUES:
        raise TooMuchToPack(f"{len(values)} values of {MAX_VALUES}")
    header = f"{VERSION} {len(values)} {_digest(values)}"
    return {HEADER: header} | {f"{HEADER}_{n}": value for n, value in enumerate(values)}


def unpack(metadata: Mapping[str, str]) -> list[str]:
    """The entries; none when there never were any. Raises BackupDamaged."""
    if HEADER not in metadata:
        return []
    version, _, rest = metadata[HEADER].partition(" ")
    if version != VERSION:
        raise BackupDamaged(f"version {version!r} is not known")
    number, _, digest = rest.partition(" ")
    values = [metadata.get(f"{HEADER}_{n}", "") for n in range(int(number))]
    if _digest(values) != digest:
        raise BackupDamaged("a part is missing or was changed")
    return " ".join(values).split()


def ours(metadata: Mapping[str, str]) -> dict[str, str]:
    """What `pack` wrote, now or before."""
    return {key: value for key, value in metadata.items() if key.startswith(HEADER)}


def _digest(values: list[str]) -> str:
    return hashlib.sha256("\n".join(values).encode()).hexdigest()[:12]
