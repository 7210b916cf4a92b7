"""Hare Pro. Importing this never fails; its paid part, `hare_pro.batches`, needs a license."""

from __future__ import annotations

from . import _client
from ._client import License, Product
from ._key import PUBLIC_KEYS, RELEASED, REVOKED_KEYS

__all__ = ["License", "Unlicensed", "describe", "license", "product"]

TIERS = {"pro": "Pro", "enterprise": "Enterprise"}  # Enterprise includes Pro


class Unlicensed(ImportError):
    """The paid part was imported without a license for it; the message says what to do."""


def product(name: str = "Hare Pro", package: str = "hare-pro", version: str = "2.1.0") -> Product:
    """What the client knows of one of Hare's packages."""
    return Product(
        "hare",
        roots=PUBLIC_KEYS,
        revoked=REVOKED_KEYS,
        released=RELEASED,
        name=name,
        package=package,
        version=version,
    )


_PRODUCT = product()


def license() -> License:
    """The license on this machine, verified offline. Raises Unlicensed."""
    try:
        found = _PRODUCT.require()
    except _client.Unlicensed as error:
        raise Unlicensed(str(error)) from error
    if found.plan not in TIERS:
        raise Unlicensed(f"Your license is for {found.product} {found.plan}, not for Hare Pro.")
    return found


def describe(found: License, *, package: str = "Hare Pro") -> str:
    """One line that says who may do what."""
    tier = TIERS[found.plan]
    return f"{package} licensed to {found.organization}: {tier}, {found.limit}"
