"""Licenses that were given for a time: their holders hear of the end, and then they end.

What is paid for ends by the word of whoever takes the money; a gift ends by its date.
"""

from datetime import datetime, timedelta

from django.db import models, transaction

from licenses.models import License
from licenses.people import addresses_of
from licenses.status import lapse_license, revoke_license
from outbox.mail import queue_mail
from outbox.models import Mail

TOLD_BEFORE = timedelta(days=14)
Kind = License.Kind


def tell_of_ends(at: datetime) -> int:
    """A mail to each holder of a gift that ends within two weeks; one for each end.

    Also of a complimentary license that is over already: `end_gifts` waits for it.
    """
    ending = _given().filter(paid_through__lte=at + TOLD_BEFORE)
    ending = ending.exclude(kind=Kind.EVALUATION, paid_through__lte=at)
    rows = ending.select_related("tier__product", "customer")
    return sum(_tell(license, at) for license in rows)


def end_gifts(at: datetime) -> int:
    """End each gift whose time is over; safe to repeat.

    A complimentary license keeps what was released by then, and goes on until its holder was told
    in time. An evaluation paid for nothing, keeps nothing and ends by its date; whoever bought
    meanwhile has another license.
    """
    over = list(_given().filter(paid_through__lte=at).values_list("pk", flat=True))
    return sum(_end(pk, at) for pk in over)


@transaction.atomic
def _end(license_id: int, at: datetime) -> bool:
    """False if it is not to end, by what its row says now."""
    over = _given().filter(pk=license_id, paid_through__lte=at)
    license = over.select_for_update().first()
    if license is None or not _may_end(license, at):
        return False
    if license.kind == Kind.EVALUATION:
        revoke_license(license.pk, at=at, reason="the evaluation is over")
    else:
        lapse_license(license.pk, at=at, reason="the time it was given for is over")
    return True


def _given() -> models.QuerySet[License]:
    kinds = [Kind.EVALUATION, Kind.COMPLIMENTARY]
    return License.objects.filter(kind__in=kinds, status=License.Status.ACTIVE).order_by("pk")


def _may_end(license: License, at: datetime) -> bool:
    """Whether its holder heard of it before, or two weeks ago, or cannot hear of it."""
    if license.kind == Kind.EVALUATION or not addresses_of(license.customer_id):
        return True
    latest = max(license.paid_through, at - TOLD_BEFORE)
    return Mail.objects.filter(key=_key(license), created_at__lte=latest).exists()


@transaction.atomic
def _tell(license: License, at: datetime) -> bool:
    addresses = addresses_of(license.customer_id)
    if not addresses:
        return False
    is_over = license.paid_through <= at
    mail = queue_mail(
        _key(license),
        template="licenses/gift_ends",
        to=addresses,
        context={
            "license": license,
            "ends_at": at + TOLD_BEFORE if is_over else license.paid_through,
            "is_evaluation": license.kind == Kind.EVALUATION,
        },
    )
    return mail.was_queued_now


def _key(license: License) -> str:
    """Of each end and each holder: the license may have gone to somebody who heard nothing."""
    return f"gift-ends:{license.pk}:{license.customer_id}:{license.paid_through:%Y%m%d}"
