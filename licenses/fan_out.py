"""One key in many places on one day: perhaps it went round. Told with evidence, never cut.

With a table of operators (licenses.operators) a place is an operator: the machines of one CI
service have thousands of networks. Without one it is a network (/24, /48), jobs of CI do not count,
and the habits of the key must be known.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from licenses.models import Credential, CredentialNetwork, LicenseEvent
from licenses.operators import load_operators, operator_of
from licenses.people import addresses_of
from outbox.mail import queue_mail


@dataclass(frozen=True)
class Rule:
    """What is unusual: so many places in a day at least, and far more than before."""

    name: str
    rows: Q  # of CredentialNetwork
    least: int
    least_days: int  # of the 28 before, on how many the key must have been used
    measure: Callable[[Sequence[int]], float]  # of those days

    def usual(self, before: Sequence[int]) -> float:
        return float(self.measure(before or [0]))

    def is_broken(self, today: int, before: Sequence[int]) -> bool:
        """Whether *today* is far from the days *before* on which the key was used."""
        is_known = len(before) >= self.least_days
        return is_known and today >= self.least and today > TIMES * self.usual(before)


TIMES = 3
BY_OPERATOR = Rule("operators", Q(network__startswith="AS"), 8, 0, median)
BY_NETWORK = Rule("networks", ~Q(network__startswith="AS"), 12, 7, max)
MOST_A_DAY = 1000  # places that are kept
MEDIAN_DAYS = 28
TOLD_EVERY = timedelta(days=7)
KEEP_DAYS = timedelta(days=90)


@transaction.atomic
def note_networks(
    credential: Credential,
    networks: Collection[str],
    *,
    day: date,
    by_ci: Collection[str] = (),
) -> None:
    """Remember from where the key was used on that day, and by CI from where. Safe to repeat."""
    rule = current_rule()
    places = {*networks} - {""}
    if rule is BY_OPERATOR:
        places = {operator_of(network) for network in {*networks, *by_ci}} - {""}
    known = set(_seen(credential.pk, rule).filter(day=day).values_list("network", flat=True))
    new = sorted(places - known)[: max(0, MOST_A_DAY - len(known))]
    CredentialNetwork.objects.bulk_create(
        [CredentialNetwork(credential=credential, day=day, network=place) for place in new],
        ignore_conflicts=True,
    )
    if new and is_fan_out(credential.pk, day):
        _tell(credential, rule, day)


def current_rule() -> Rule:
    return BY_OPERATOR if load_operators() else BY_NETWORK


def is_fan_out(credential_id: int, day: date) -> bool:
    """Whether so many places in a day are far from what is usual for this key."""
    rule = current_rule()
    today = _seen(credential_id, rule).filter(day=day).count()
    return rule.is_broken(today, _before(credential_id, rule, day))


def prune_networks(at: datetime) -> int:
    """Forget where keys were used more than 90 days ago; for a nightly duty."""
    deleted, _ = CredentialNetwork.objects.filter(day__lt=(at - KEEP_DAYS).date()).delete()
    return deleted


def _seen(credential_id: int, rule: Rule) -> QuerySet[CredentialNetwork]:
    return CredentialNetwork.objects.filter(rule.rows, credential_id=credential_id)


def _before(credential_id: int, rule: Rule, day: date) -> list[int]:
    """How many places there were on each of the 28 days before on which the key was used."""
    rows = _seen(credential_id, rule).filter(day__lt=day, day__gte=day - timedelta(MEDIAN_DAYS))
    days = rows.values("day").annotate(places=Count("pk")).order_by()
    return [one["places"] for one in days]


def _tell(credential: Credential, rule: Rule, day: date) -> None:
    """Once a week: an event, and a mail to the holder and the owner with what was seen."""
    long_ago = Q(alarmed_on__isnull=True) | Q(alarmed_on__lte=day - TOLD_EVERY)
    if not Credential.objects.filter(long_ago, pk=credential.pk).update(alarmed_on=day):
        return
    seen = _seen(credential.pk, rule).filter(day=day).order_by("network")
    places = list(seen.values_list("network", flat=True))
    usual = rule.usual(_before(credential.pk, rule, day))
    license = credential.customer.licenses.order_by("pk").first()
    if license is not None:
        reason = f"{credential}: {len(places)} {rule.name} on {day}, usually {usual:g}"
        LicenseEvent.objects.create(
            license=license, name="key used widely", reason=reason[:200], at=timezone.now()
        )
    addresses = addresses_of(credential.customer_id)
    if settings.OWNER_EMAIL:
        addresses.append(settings.OWNER_EMAIL)
    if addresses:
        context = {
            "credential": credential,
            "day": day,
            "places": places,
            "usual": usual,
            "by_operator": rule is BY_OPERATOR,
        }
        key = f"fan-out:{credential.pk}:{day}"
        queue_mail(key, template="licenses/fan_out", to=addresses, context=context)
