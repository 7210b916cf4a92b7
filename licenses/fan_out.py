"""One key in the networks of many operators on one day: perhaps it went round. Told, never cut.

Operators are counted and not addresses: the machines of one CI service have thousands.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from statistics import median

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from licenses.models import Credential, CredentialNetwork, LicenseEvent
from licenses.operators import operator_of
from licenses.people import addresses_of
from outbox.mail import queue_mail

LEAST_OPERATORS = 8
TIMES_THE_MEDIAN = 3
MEDIAN_DAYS = 28
TOLD_EVERY = timedelta(days=7)
KEEP_DAYS = timedelta(days=90)


@transaction.atomic
def note_networks(credential: Credential, networks: Collection[str], *, day: date) -> None:
    """Remember whose networks the key was used from on that day. Safe to repeat.

    Without a table of operators nothing is kept, and there is no alarm.
    """
    operators = {operator_of(network) for network in networks} - {""}
    if not operators:
        return
    seen = CredentialNetwork.objects.filter(credential=credential, day=day)
    new = operators - set(seen.values_list("network", flat=True))
    CredentialNetwork.objects.bulk_create(
        [CredentialNetwork(credential=credential, day=day, network=name) for name in new],
        ignore_conflicts=True,
    )
    if new and is_fan_out(credential.pk, day):
        _tell(credential, day)


def is_fan_out(credential_id: int, day: date) -> bool:
    """Whether so many operators in a day are far from what is usual for this key."""
    rows = CredentialNetwork.objects.filter(credential_id=credential_id)
    today = rows.filter(day=day).count()
    return today >= LEAST_OPERATORS and today > TIMES_THE_MEDIAN * _usual(credential_id, day)


def prune_networks(at: datetime) -> int:
    """Forget where keys were used more than 90 days ago; for a nightly duty."""
    deleted, _ = CredentialNetwork.objects.filter(day__lt=(at - KEEP_DAYS).date()).delete()
    return deleted


def _usual(credential_id: int, day: date) -> float:
    """The median of the 28 days before, of those on which the key was used."""
    before = CredentialNetwork.objects.filter(
        credential_id=credential_id, day__lt=day, day__gte=day - timedelta(days=MEDIAN_DAYS)
    )
    days = before.values("day").annotate(operators=Count("pk")).order_by()
    counts: list[int] = [day["operators"] for day in days]
    return float(median(counts or [0]))


def _tell(credential: Credential, day: date) -> None:
    """Once a week: an event, and a mail to the holder and the owner with what was seen."""
    long_ago = Q(alarmed_on__isnull=True) | Q(alarmed_on__lte=day - TOLD_EVERY)
    if not Credential.objects.filter(long_ago, pk=credential.pk).update(alarmed_on=day):
        return
    rows = CredentialNetwork.objects.filter(credential=credential, day=day).order_by("network")
    operators = list(rows.values_list("network", flat=True))
    usual = _usual(credential.pk, day)
    license = credential.customer.licenses.order_by("pk").first()
    if license is not None:
        reason = f"{credential}: {len(operators)} operators on {day}, usually {usual:g}"
        LicenseEvent.objects.create(
            license=license, name="key used widely", reason=reason[:200], at=timezone.now()
        )
    addresses = addresses_of(credential.customer_id)
    if settings.OWNER_EMAIL:
        addresses.append(settings.OWNER_EMAIL)
    if addresses:
        context = {"credential": credential, "day": day, "operators": operators, "usual": usual}
        key = f"fan-out:{credential.pk}:{day}"
        queue_mail(key, template="licenses/fan_out", to=addresses, context=context)
