"""A license goes to another customer."""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from licenses.generation import raise_generation
from licenses.issuing import LicenseRevoked
from licenses.models import Credential, Customer, License, LicenseEvent


@transaction.atomic
def transfer_license(
    license_id: int, *, to_customer_id: int, at: datetime, reason: str = ""
) -> License:
    """Another customer holds it from now on; told twice, it goes once.

    The keys that lease its threads go along, so that nothing stops where it runs. Keys for
    installing stay with the old holder and open what he has left. Raises LicenseRevoked,
    and Customer.DoesNotExist also of one that closed its account.
    """
    Customer.objects.select_for_update().get(pk=to_customer_id, closed_at=None)
    license = License.objects.select_for_update().get(pk=license_id)
    if license.customer_id == to_customer_id:
        return license
    if license.status == License.Status.REVOKED:
        raise LicenseRevoked(f"license {license.pk} was revoked")
    told = f"from customer {license.customer_id} to {to_customer_id}; {reason}"[:200]
    License.objects.filter(pk=license.pk).update(customer_id=to_customer_id, rev=F("rev") + 1)
    Credential.objects.filter(license=license).update(customer_id=to_customer_id)
    LicenseEvent.objects.create(license=license, name="transferred", reason=told, at=at)
    raise_generation()
    license.refresh_from_db()
    return license
