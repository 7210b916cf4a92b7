"""Credentials as text: `wb_ix_` + 30 base62 characters + 6 base62 characters of CRC32.

178 random bits, no character that a URL, netrc or shell would need escaped, and a checksum, so
that a typo is refused without asking the database (the form GitHub uses for its tokens).
"""

import hashlib
import secrets
import zlib
from enum import StrEnum

from django.conf import settings

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BODY_LENGTH = 30
_CHECK_LENGTH = 6  # 62**6 > 2**32


class TokenKind(StrEnum):
    INDEX = "ix"  # reads the package index
    LEASE = "ls"  # leases threads
    UPLOAD = "up"  # publishes files


_KINDS = frozenset(TokenKind)


def mint_token(kind: TokenKind, *, entropy: bytes | None = None) -> str:
    """A new token; the same *entropy* (32 bytes that nobody can guess) gives the same token."""
    number = int.from_bytes(entropy if entropy is not None else secrets.token_bytes(32))
    start = f"{settings.TOKEN_PREFIX}_{kind}_{_base62(number, _BODY_LENGTH)}"
    return start + _checksum(start)


def is_well_formed(token: str, kind: TokenKind) -> bool:
    """Whether *token* has the prefix of this kind, the right length and the right checksum."""
    return token.startswith(f"{settings.TOKEN_PREFIX}_") and kind_of(token) == kind


def kind_of(token: str) -> TokenKind | None:
    """What a token of any prefix is for; None if a character of it is wrong or missing.

    Asks no setting, so a process without any may use it.
    """
    start, check = token[:-_CHECK_LENGTH], token[-_CHECK_LENGTH:]
    _, _, rest = start.partition("_")
    kind, _, body = rest.partition("_")
    if not token.isascii() or len(body) != _BODY_LENGTH or check != _checksum(start):
        return None
    return TokenKind(kind) if kind in _KINDS else None


def digest_of(token: str) -> str:
    """What is stored instead of the token: 64 hex characters.

    A fast hash is right here: the token has 178 random bits, there is nothing to guess.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def hint_of(token: str) -> str:
    """The last four characters, to tell one credential from another on a page."""
    return token[-4:]


def _checksum(start: str) -> str:
    return _base62(zlib.crc32(start.encode()), _CHECK_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
