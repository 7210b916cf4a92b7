"""From the JSON of a lease request to values: the door of the license API."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from licenses.wishes import PRODUCTION, Wish

VERSION = 1
MAX_BYTES = 4096
MAX_BATCH_BYTES = 262_144
MAX_MEMBERS = 500
MAX_THREADS = 100_000


class Malformed(Exception):
    """Not a request of this protocol; the sentence says what is wrong. Answer 422."""


@dataclass(frozen=True)
class LeaseRequest:
    """What one client sent: wishes of one process or of many, and what ties the answer to it."""

    version: int
    nonce: str
    seq: int
    wishes: tuple[Wish, ...]


def read_request(body: bytes, *, iid: uuid.UUID) -> LeaseRequest:
    """One process, `PUT /v1/leases/{iid}`. Raises Malformed."""
    fields = _object(body, MAX_BYTES)
    return _request(fields, (_wish(fields, iid, fields),))


def read_batch(body: bytes) -> LeaseRequest:
    """Many processes that one leader speaks for, `POST /v1/leases:batch`. Raises Malformed."""
    fields = _object(body, MAX_BATCH_BYTES)
    members = fields.get("members")
    if not isinstance(members, list) or not 1 <= len(members) <= MAX_MEMBERS:
        raise Malformed(f"members must be a list of 1 to {MAX_MEMBERS}")
    wishes = tuple(_member(member, fields) for member in members)
    if len({wish.iid for wish in wishes}) != len(wishes):
        raise Malformed("an iid stands twice in members")
    return _request(fields, wishes)


def _member(member: Any, common: dict[str, Any]) -> Wish:
    if not isinstance(member, dict):
        raise Malformed("a member must be an object")
    try:
        iid = uuid.UUID(_text(member, "iid", 36))
    except ValueError as error:
        raise Malformed("iid must be a UUID") from error
    return _wish(member, iid, common)


def _request(fields: dict[str, Any], wishes: tuple[Wish, ...]) -> LeaseRequest:
    return LeaseRequest(
        version=_number(fields, "v", 1_000_000, default=0),
        nonce=_text(fields, "nonce", 64),
        seq=_number(fields, "seq", 2**53, default=0),
        wishes=wishes,
    )


def _wish(fields: dict[str, Any], iid: uuid.UUID, common: dict[str, Any]) -> Wish:
    package, version = _text(common, "pkg", 40), _text(common, "ver", 19)
    return Wish(
        iid=iid,
        threads=_number(fields, "threads", MAX_THREADS),
        env=_text(common, "env", 20) or PRODUCTION,
        slot=_text(fields, "slot", 80),
        package=f"{package}/{version}" if version else package,
    )


def _object(body: bytes, most: int) -> dict[str, Any]:
    if len(body) > most:
        raise Malformed(f"the body may have {most} bytes at most")
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed("the body is not JSON") from error
    if not isinstance(fields, dict):
        raise Malformed("the body must be an object")
    return fields


def _text(fields: dict[str, Any], name: str, most: int) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str) or len(value) > most or not value.isprintable():
        raise Malformed(f"{name} must be printable text of at most {most} characters")
    return value


def _number(fields: dict[str, Any], name: str, most: int, *, default: int | None = None) -> int:
    value = fields.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise Malformed(f"{name} must be a whole number from 0 to {most}")
    return value
