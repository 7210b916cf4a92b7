"""The only code that writes License.status."""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from licenses.generation import raise_generation
from licenses.issuing import LicenseRevoked
from licenses.models import License, LicenseEvent

Status = License.Status


def suspend_license(license_id: int, *, at: datetime, reason: str) -> License:
    """A dispute is open: nothing installs until it is decided."""
    return _move(license_id, to=Status.SUSPENDED, event="suspended", at=at, reason=reason)


def suspended_since(license_id: int) -> datetime | None:
    """When it was suspended, if nothing has brought it back since; it may have ended since."""
    turns = LicenseEvent.objects.filter(license=license_id, name__in=["suspended", "reinstated"])
    last = turns.order_by("-at", "-pk").first()
    return last.at if last is not None and last.name == "suspended" else None


def reinstate_license(license_id: int, *, at: datetime, reason: str) -> License:
    """Paid again, or the dispute was won: everything works as before."""
    return _move(license_id, to=Status.ACTIVE, event="reinstated", at=at, reason=reason)


def lapse_license(license_id: int, *, at: datetime, reason: str) -> License:
    """The paid time is over: releases up to `updates_until` stay installable for ever."""
    return _move(license_id, to=Status.LAPSED, event="lapsed", at=at, reason=reason)


def revoke_license(license_id: int, *, at: datetime, reason: str) -> License:
    """Refund, lost dispute or abuse: nothing installs, and it never comes back."""
    return _move(license_id, to=Status.REVOKED, event="revoked", at=at, reason=reason)


@transaction.atomic
def _move(license_id: int, *, to: Status, event: str, at: datetime, reason: str) -> License:
    license = License.objects.select_for_update().get(pk=license_id)
    if license.status == to:
        return license  # told twice
    if license.status == Status.REVOKED:
        raise LicenseRevoked(f"license {license.pk} was revoked")
    License.objects.filter(pk=license.pk).update(status=to, rev=F("rev") + 1)
    LicenseEvent.objects.create(license=license, name=event, reason=reason, at=at)
    raise_generation()
    license.refresh_from_db()
    return license
