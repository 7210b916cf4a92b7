"""Addresses: who wrote, and which part of a domain belongs to one organization."""

import re
from functools import cache
from pathlib import Path

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from publicsuffixlist import PublicSuffixList

# Providers where everybody has a mailbox: the same domain makes nobody a colleague.
FREEMAIL = frozenset(Path(__file__).with_name("freemail.txt").read_text().split())

_ADDRESS = re.compile(
    r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]{1,64}@[^\s@<>()\[\]\\,;:\"\x00-\x1f]{1,255}"
)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_COMMENT = re.compile(r"\([^()]*\)")


def sender_of(header: str) -> tuple[str, str]:
    """The one address and the display name of a From header; ("", "") unless there is one only.

    Stricter than `email.utils`: what could be read in two ways ("a@good.example)b@bad.example")
    is nobody, for the address decides whose ticket it is.
    """
    header = " ".join(header.split())
    bare = _COMMENT.sub("", _QUOTED.sub("", header)).strip()
    angles = re.findall(r"<([^<>]*)>", bare)
    if len(angles) == 1 and bare.endswith(f"<{angles[0]}>") and "," not in bare:
        address = angles[0].strip()
        name = header[: header.rfind("<")].strip().strip('"').strip()
    elif not angles:
        address, name = bare, ""
    else:
        return "", ""
    return (address.lower(), name[:200]) if _may_be_mailed(address) else ("", "")


def _may_be_mailed(address: str) -> bool:
    """Whether an answer could leave for there: ASCII, as mail servers without SMTPUTF8 want it."""
    try:
        validate_email(address)
    except ValidationError:
        return False
    return address.isascii() and bool(_ADDRESS.fullmatch(address))


def organization_of(address: str) -> str:
    """The registrable domain of an address, e.g. example.co.uk; "" where it says nothing.

    Freemail says nothing, nor does a host that is itself a public suffix.
    """
    domain = address.rpartition("@")[2].lower().rstrip(".")
    if domain in FREEMAIL or not domain.isascii():
        return ""
    registrable = _suffixes().privatesuffix(domain) or ""
    return "" if registrable in FREEMAIL else registrable


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=True)
