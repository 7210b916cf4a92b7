"""Hare Pro. Importing this never fails; its paid part, `hare_pro.batches`, needs a license."""

from __future__ import annotations

from ._client import InvalidLicense, License, read, verify
from ._key import PUBLIC_KEYS

__all__ = ["License", "Unlicensed", "describe", "license"]

PRODUCT = "hare"
TIERS = {"pro": "Pro", "enterprise": "Enterprise"}  # Enterprise includes Pro

WHERE = (
    "Set WHEELBARROW_LICENSE to the text of your license or WHEELBARROW_LICENSE_FILE to the path "
    f"of a file with it, or put it into ~/.config/{PRODUCT}/license."
)


class Unlicensed(ImportError):
    """The paid part was imported without a license for it; the message says what to do."""


def license() -> License:
    """The license on this machine, verified offline. Raises Unlicensed."""
    try:
        document = read(PRODUCT)
        found = None if document is None else verify(document, PUBLIC_KEYS)
    except InvalidLicense as error:
        raise Unlicensed(f"Hare Pro has no license it can use. {error.reason} {WHERE}") from error
    if found is None:
        raise Unlicensed(f"Hare Pro needs a license and found none. {WHERE}")
    if PRODUCT not in found.products or found.plan not in TIERS:
        raise Unlicensed(f"Your license is for {found.product} {found.plan}, not for Hare Pro.")
    return found


def describe(found: License, *, package: str = "Hare Pro") -> str:
    """One line that says who may do what."""
    tier = TIERS[found.plan]
    return f"{package} licensed to {found.organization}: {tier}, {found.limit}"
