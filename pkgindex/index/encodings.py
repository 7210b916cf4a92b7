"""Which content coding a client takes for a page: zstd where Python can, gzip, or none."""

import gzip
import importlib
from collections.abc import Callable
from functools import lru_cache

IDENTITY = "identity"
_ZSTD_LEVEL = 10
Compress = Callable[[bytes], bytes]


def _find_zstd() -> Compress | None:
    """Python's own from 3.14 on, or the zstandard package where somebody installed it."""
    for name in ("compression.zstd", "zstandard"):
        try:
            compress: Callable[[bytes, int], bytes] = importlib.import_module(name).compress
        except ImportError:
            continue
        return lambda body: compress(body, _ZSTD_LEVEL)
    return None


def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, 6, mtime=0)  # the same bytes each time, so the same ETag


_ZSTD = _find_zstd()
# Best first where a client likes several equally.
CODINGS: dict[str, Compress] = ({"zstd": _ZSTD} if _ZSTD else {}) | {"gzip": _gzip}


@lru_cache(1024)
def choose_coding(accept_encoding: str) -> str:
    """The coding of RFC 9110, 12.5.3; whoever says nothing gets the page as it is."""
    qualities = _read(accept_encoding)
    anything = qualities.get("*", 0.0)
    best = max(CODINGS, key=lambda coding: qualities.get(coding, anything))
    quality = qualities.get(best, anything)
    return best if quality > 0 and quality >= qualities.get(IDENTITY, 0.0) else IDENTITY


def encode(body: bytes, coding: str) -> bytes:
    return CODINGS[coding](body) if coding in CODINGS else body


def _read(header: str) -> dict[str, float]:
    qualities = {}
    for part in header.lower().split(","):
        name, _, parameter = part.partition(";")
        quality = parameter.partition("=")[2].strip() or "1"
        try:
            qualities[name.strip()] = float(quality)
        except ValueError:
            qualities[name.strip()] = 0.0
    return qualities
