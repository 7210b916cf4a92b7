"""Licenses that were given for a time: their holders hear of the end, and then they end.

What is paid for ends by the word of whoever takes the money; a gift ends by its date.
"""

from datetime import datetime, timedelta

from django.db import models, transaction

from licenses.models import License
from licenses.people import addresses_of
from licenses.status import lapse_license, revoke_license
from outbox.mail import queue_mail

TOLD_BEFORE = timedelta(days=14)
Kind = License.Kind


def tell_of_ends(at: datetime) -> int:
    """A mail to each holder of a gift that ends within two weeks; one for each end."""
    ending = _given().filter(paid_through__gt=at, paid_through__lte=at + TOLD_BEFORE)
    return sum(_tell(license) for license in ending.select_related("tier__product", "customer"))


def end_gifts(at: datetime) -> int:
    """End each gift whose time is over; safe to repeat.

    A complimentary license keeps what was released by then. An evaluation paid for nothing and
    keeps nothing; whoever bought meanwhile has another license.
    """
    over = list(_given().filter(paid_through__lte=at))
    for license in over:
        if license.kind == Kind.EVALUATION:
            revoke_license(license.pk, at=at, reason="the evaluation is over")
        else:
            lapse_license(license.pk, at=at, reason="the time it was given for is over")
    return len(over)


def _given() -> models.QuerySet[License]:
    kinds = [Kind.EVALUATION, Kind.COMPLIMENTARY]
    return License.objects.filter(kind__in=kinds, status=License.Status.ACTIVE).order_by("pk")


@transaction.atomic
def _tell(license: License) -> bool:
    addresses = addresses_of(license.customer_id)
    if not addresses:
        return False
    mail = queue_mail(
        f"gift-ends:{license.pk}:{license.paid_through:%Y%m%d}",
        template="licenses/gift_ends",
        to=addresses,
        context={"license": license, "is_evaluation": license.kind == Kind.EVALUATION},
    )
    return mail.was_queued_now
