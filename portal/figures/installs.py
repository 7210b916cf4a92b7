"""From the money to the first install: how long it takes, and who never got there."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import Exists, Min, OuterRef, Q, Subquery

from billing.models import Subscription
from licenses.models import Credential
from pkgindex.models import Download

NOT_INSTALLED_AFTER = timedelta(hours=48)
LOOKED_AT = timedelta(days=90)


@dataclass(frozen=True)
class Install:
    """A customer's first purchase, and when one of his keys was first used; None: not yet."""

    subscription: Subscription
    paid_at: datetime
    used_at: datetime | None
    has_fetched: bool  # a file, ever

    @property
    def took(self) -> timedelta | None:
        return None if self.used_at is None else max(self.used_at - self.paid_at, timedelta())


def first_installs(at: datetime) -> list[Install]:
    """Of the customers who first paid within 90 days, and of all who never fetched a file; newest
    first. One query.
    """
    keys = Credential.objects.filter(
        customer=OuterRef("customer"), kind=Credential.Kind.INDEX, first_used_at__isnull=False
    )
    earlier = Subscription.objects.filter(
        customer=OuterRef("customer"), created_at__lt=OuterRef("created_at")
    )
    rows = Subscription.objects.annotate(
        paid_at=Min("payments__paid_at"),
        used_at=Subquery(keys.order_by("first_used_at").values("first_used_at")[:1]),
        has_fetched=Exists(Download.objects.filter(customer=OuterRef("customer"))),
    ).filter(~Exists(earlier), paid_at__isnull=False)
    looked_at = rows.filter(Q(created_at__gt=at - LOOKED_AT) | Q(has_fetched=False))
    return [
        Install(row, row.paid_at, row.used_at, row.has_fetched)
        for row in looked_at.select_related("customer", "license", "price__tier__product").order_by(
            "-paid_at", "-pk"
        )
    ]


def median_time(installs: Iterable[Install]) -> timedelta | None:
    """Of those who did; None when nobody has."""
    took = [one.took.total_seconds() for one in installs if one.took is not None]
    return timedelta(seconds=median(took)) if took else None


def never_installed(installs: Iterable[Install], at: datetime) -> list[Install]:
    """Paid for two days and more, and not one file was fetched; longest ago first."""
    found = [
        one
        for one in installs
        if not one.has_fetched
        and one.paid_at < at - NOT_INSTALLED_AFTER
        and one.subscription.license is not None
        and one.subscription.license.is_active
    ]
    return found[::-1]
