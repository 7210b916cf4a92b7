"""Hare Enterprise. Importing this never fails; `hare_ent.pool` needs an Enterprise license."""

from __future__ import annotations

import hare_pro
from hare_pro import License, Unlicensed

__all__ = ["License", "Unlicensed", "describe", "license"]

TIER = "enterprise"


def license() -> License:
    """The Enterprise license on this machine, verified offline. Raises Unlicensed."""
    found = hare_pro.license()
    if found.plan != TIER:
        tier = hare_pro.TIERS[found.plan]
        raise Unlicensed(f"Hare Enterprise needs an Enterprise license; yours is for {tier}.")
    return found


def describe(found: License) -> str:
    """One line that says who may do what."""
    return hare_pro.describe(found, package="Hare Enterprise")
