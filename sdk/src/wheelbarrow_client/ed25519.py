"""Ed25519 in pure Python (RFC 8032, section 5.1), for wheels without dependencies.

Only verifies: everything here is public, so it need not run in constant time. About 2 ms.
"""

from __future__ import annotations

import hashlib

Point = tuple[int, int, int, int]  # extended coordinates: x = X/Z, y = Y/Z, x * y = T/Z

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493  # the order of the base point
D = -121665 * pow(121666, -1, P) % P
SQRT_MINUS_ONE = pow(2, (P - 1) // 4, P)
NEUTRAL: Point = (0, 1, 1, 0)


def verify(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether *signature* (64 bytes) of *message* was made with the key of *public_key* (32 bytes).

    Strict: S must be below L, or a second signature could be made from a first; points must be
    encoded canonically. The check is the one without cofactor, as in OpenSSL.
    """
    if len(public_key) != 32 or len(signature) != 64:
        return False
    key = _decode(public_key)
    s = int.from_bytes(signature[32:], "little")
    if key is None or s >= L:
        return False
    hashed = hashlib.sha512(signature[:32] + public_key + message).digest()
    k = int.from_bytes(hashed, "little") % L
    # R = [S]B - [k]A. Comparing the encodings refuses every R that is not canonical.
    return _encode(_multiply_two(s, BASE, k, _negate(key))) == signature[:32]


def _add(p: Point, q: Point) -> Point:
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _double(p: Point) -> Point:
    a, b = p[0] * p[0] % P, p[1] * p[1] % P
    c = 2 * p[2] * p[2] % P
    h = a + b
    e = h - (p[0] + p[1]) * (p[0] + p[1])
    g = a - b
    f = c + g
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _negate(p: Point) -> Point:
    return (P - p[0], p[1], p[2], P - p[3])


def _multiply_two(m: int, p: Point, n: int, q: Point) -> Point:
    """[m]p + [n]q in one run over the bits, which halves the doublings."""
    addends = {(1, 0): p, (0, 1): q, (1, 1): _add(p, q)}
    total = NEUTRAL
    for bit in reversed(range(max(m.bit_length(), n.bit_length()))):
        total = _double(total)
        addend = addends.get((m >> bit & 1, n >> bit & 1))
        total = total if addend is None else _add(total, addend)
    return total


def _encode(p: Point) -> bytes:
    inverse = pow(p[2], -1, P)
    x, y = p[0] * inverse % P, p[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decode(encoded: bytes) -> Point | None:
    """The point of 32 bytes (RFC 8032, 5.1.3), or None if there is none or it is not canonical."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if y >= P:
        return None
    x = _root((y * y - 1) * pow(D * y * y + 1, -1, P) % P)
    if x is None or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


def _root(square: int) -> int | None:
    """A square root modulo P, or None."""
    for root in (r := pow(square, (P + 3) // 8, P), r * SQRT_MINUS_ONE % P):
        if root * root % P == square:
            return root
    return None


_BASE_Y = 4 * pow(5, -1, P) % P
_base = _decode(_BASE_Y.to_bytes(32, "little"))
assert _base is not None
BASE: Point = _base
