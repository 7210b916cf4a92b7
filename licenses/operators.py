"""Whose network an address is in: by a table that the owner keeps as a file.

Its form is that of iptoasn.com ("ip2asn-combined.tsv", also with .gz): first address, last
address, number of the operator (AS), country, name; tab-separated, one range a line.
"""

import gzip
import ipaddress
import logging
import socket
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from django.conf import settings

log = logging.getLogger(__name__)
NAME_LENGTH = 60


class Operators:
    """Half a million ranges in two arrays; only the names that occur are kept as text."""

    def __init__(self, path: Path) -> None:
        """Raises OSError, and ValueError for a file of another form or order."""
        self._starts, self._numbers = array("Q"), array("I")
        self._names: dict[int, str] = {0: ""}
        for start, end, number, name in _ranges(path):
            if self._starts and start < self._starts[-2]:
                raise ValueError("its ranges are not in order")
            self._starts.extend((start, end + 1))  # what lies between two ranges is nobody's
            self._numbers.extend((number, 0))
            self._names.setdefault(number, f"AS{number} {name}"[:NAME_LENGTH] if number else "")

    def of(self, network: str) -> str:
        """The operator of a network such as 192.0.2.0/24; "" if it is nobody's."""
        try:
            first = ipaddress.ip_network(network).network_address
        except ValueError:
            return ""
        place = bisect_right(self._starts, _number(first.packed)) - 1
        return self._names[self._numbers[place]] if place >= 0 else ""


def load_operators() -> bool:
    """Read the table if it is newer, which takes seconds: before a transaction, not in it.

    Whether there is one.
    """
    return _table() is not None


def operator_of(network: str) -> str:
    """The operator of a network; "" without a table or a place in it."""
    table = _table()
    return table.of(network) if table else ""


def _table() -> Operators | None:
    name = settings.NETWORK_OPERATORS_FILE
    if not name:
        return None
    try:
        changed_ns = Path(name).stat().st_mtime_ns
    except OSError:
        changed_ns = 0
    return _load(name, changed_ns)


@lru_cache(1)
def _load(name: str, changed_ns: int) -> Operators | None:
    """A file that cannot be read is said once and not tried again until it changes."""
    try:
        return Operators(Path(name))
    except (OSError, EOFError, ValueError, zlib.error) as error:
        log.warning("NETWORK_OPERATORS_FILE cannot be read: %s", error)
        return None


def _ranges(path: Path) -> Iterator[tuple[int, int, int, str]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            first, last, number, _country, name = line.rstrip("\n").split("\t")
            yield _read(first), _read(last), int(number), name


def _read(address: str) -> int:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return _number(socket.inet_pton(family, address))


def _number(packed: bytes) -> int:
    """The first 64 bits: networks are /48 at the finest. IPv4 lies in ::ffff:0:0, below all IPv6
    that is routed.
    """
    return int.from_bytes(packed[:8]) if len(packed) == 16 else int.from_bytes(packed)
