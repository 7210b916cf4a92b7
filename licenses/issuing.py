"""Issue a license, and carry a renewal or a changed purchase onto it."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet

from licenses.generation import raise_generation
from licenses.models import License, LicenseEvent


class LicenseRevoked(Exception):
    """The license was revoked for good; a new purchase needs a new license."""


@dataclass(frozen=True)
class Grant:
    """What was paid for. `threads` None means no limit."""

    tier_id: int
    kind: str
    threads: int | None
    paid_through: datetime


@transaction.atomic
def issue_license(
    *, customer_id: int, source: str, grant: Grant, at: datetime, reason: str = ""
) -> License:
    """The license of *source*: made now, or the one made before. Safe to repeat."""
    license, is_new = License.objects.get_or_create(
        source=source,
        defaults={
            "customer_id": customer_id,
            "tier_id": grant.tier_id,
            "kind": grant.kind,
            "threads": grant.threads,
            "paid_through": grant.paid_through,
            "updates_until": grant.paid_through,
            "created_at": at,
        },
    )
    if is_new:
        LicenseEvent.objects.create(license=license, name="issued", reason=reason, at=at)
        raise_generation()
    return license


@transaction.atomic
def renew_license(license_id: int, *, grant: Grant, at: datetime, reason: str = "") -> License:
    """Make the license say what was paid for last; told twice, it changes once.

    Raises LicenseRevoked for a revoked license. Its status is left alone (licenses.status).
    """
    license = License.objects.select_for_update().get(pk=license_id)
    if license.status == License.Status.REVOKED:
        raise LicenseRevoked(f"license {license.pk} was revoked")
    if _granted(license) == grant:
        return license
    name = "changed" if license.tier_id != grant.tier_id else "renewed"
    if license.threads != grant.threads:
        name = "changed"
    License.objects.filter(pk=license.pk).update(
        tier_id=grant.tier_id,
        kind=grant.kind,
        threads=grant.threads,
        paid_through=grant.paid_through,
        updates_until=grant.paid_through,
        rev=F("rev") + 1,
    )
    LicenseEvent.objects.create(license=license, name=name, reason=reason, at=at)
    raise_generation()
    license.refresh_from_db()
    return license


@transaction.atomic
def supersede_documents(licenses: QuerySet[License]) -> None:
    """Each gets a newer rev: clients that lease fetch a new document with the next answer."""
    licenses.update(rev=F("rev") + 1)
    raise_generation()


def _granted(license: License) -> Grant:
    return Grant(
        tier_id=license.tier_id,
        kind=license.kind,
        threads=license.threads,
        paid_through=license.paid_through,
    )
