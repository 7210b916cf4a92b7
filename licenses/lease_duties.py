"""What `manage.py work` does for leases: count, tell the customer, begin to drain.

A pool over its limit for more than an hour gets a mail, further ones on days 7 and 13, and drains
from day 14 on: each renewal gives some threads back, no job is killed. Whoever comes back under
the limit begins anew.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Q, Sum

from licenses.granting import FREE_TIMES
from licenses.leases import count_pool, forget_dead_leases, lock_pool
from licenses.models import Lease, LeaseHour, LeasePool, License, LicenseEvent
from licenses.people import addresses_of
from licenses.routers import VOLATILE
from licenses.usage import hour_of, threads_url
from outbox.mail import queue_mail

LOOK_EVERY = timedelta(seconds=60)
AT_ONCE = 100  # pools in one round
# Between two locks: on SQLite renewals wait for the one lock there is, and its queue is not fair.
BREATH_SECONDS = 0.01
OVER_TOLERATED = timedelta(hours=1)  # a deployment; as long as a surge may last
MAIL_DAYS = (0, 7, 13)
DRAIN_DAY = 14
LEVELS = (80, 100, 110)  # percent of the limit
KEEP_HOURS = timedelta(days=400)
DAY = timedelta(days=1)
OUTSIDE_SEEN = timedelta(hours=2)  # this hour and the one before
MUCH_OUTSIDE = "many threads outside production"


@dataclass(frozen=True)
class News:
    """What was found out about a pool under its lock, to be told after it."""

    license: License
    over_since: datetime | None
    mail: int | None = None  # which of the three
    level: int | None = None
    drains: bool = False
    threads: int = 0

    @property
    def is_none(self) -> bool:
        return self.mail is None and self.level is None and not self.drains


def lease_duties(at: datetime) -> int:
    """Look after the pools that nobody looked at for a minute; returns what there was to tell."""
    stale = Q(looked_at__isnull=True) | Q(looked_at__lte=at - LOOK_EVERY)
    pools = LeasePool.objects.filter(stale).order_by("looked_at")[:AT_ONCE]
    due = {pool.pk: pool for pool in pools}
    licenses = License.objects.select_related("tier__product", "customer").in_bulk(due)
    unchanged = _unchanged(due, licenses, at)
    LeasePool.objects.filter(pk__in=unchanged).update(looked_at=at)
    done = 0
    for number, pk in enumerate(pk for pk in due if pk in licenses and pk not in unchanged):
        if number:
            time.sleep(BREATH_SECONDS)
        done += _look_after(licenses[pk], at)
    done += _note_much_outside(licenses, at)
    LeasePool.objects.filter(pk__in=set(due) - set(licenses)).delete()
    return done


def _unchanged(
    pools: Mapping[int, LeasePool], licenses: Mapping[int, License], at: datetime
) -> set[int]:
    """The pools in which a look under the lock would find and write nothing, found without one."""
    rows = Lease.objects.filter(license_id__in=list(pools))
    dead = set(rows.filter(expires_at__lte=at).values_list("license_id", flat=True))
    sums = {
        row["license_id"]: (row["all_firm"], row["all_surge"], row["leases"])
        for row in rows.filter(is_counted=True)
        .values("license_id")
        .annotate(all_firm=Sum("firm"), all_surge=Sum("surge"), leases=Count("pk"))
        .order_by()
    }
    return {
        pk
        for pk, pool in pools.items()
        if pk in licenses
        and pk not in dead
        and sums.get(pk, (0, 0, 0)) == (pool.firm, pool.surge, pool.leases)
        and pool.license_rev >= licenses[pk].rev
        and _is_calm(pool, at)
    }


def _is_calm(pool: LeasePool, at: datetime) -> bool:
    """Whether this hour has its peaks already, and time alone changes nothing."""
    if pool.looked_at is None or hour_of(pool.looked_at) != hour_of(at):
        return False
    if pool.over_since is not None or pool.surge_until is not None or pool.is_draining:
        return False
    return _new_level(pool) is None


def prune_usage(at: datetime) -> int:
    """Forget hours older than 400 days; for a nightly duty."""
    deleted, _ = LeaseHour.objects.filter(hour__lt=at - KEEP_HOURS).delete()
    return deleted


def _note_much_outside(licenses: Mapping[int, License], at: datetime) -> int:
    """An event for each license whose threads outside production were refused, once a day."""
    hours = LeaseHour.objects.filter(
        license_id__in=list(licenses), hour__gt=at - OUTSIDE_SEEN, over_free__gt=0
    )
    much = set(hours.values_list("license_id", flat=True))
    known = LicenseEvent.objects.filter(license__in=much, name=MUCH_OUTSIDE, at__gt=at - DAY)
    new = much - set(known.values_list("license_id", flat=True)) if much else set()
    for pk in new:
        reason = f"more than {FREE_TIMES} times the limit of {licenses[pk].threads}"
        LicenseEvent.objects.create(license=licenses[pk], name=MUCH_OUTSIDE, reason=reason, at=at)
    return len(new)


def _look_after(license: License, at: datetime) -> int:
    """Tell first, then remember that it was told: a kill in between repeats what is safe to."""
    with transaction.atomic(using=VOLATILE):
        pool = lock_pool(license)
        forget_dead_leases(pool, [], at)
        count_pool(pool, at)
        news = _news(license, pool, at)
        if news.is_none:
            pool.looked_at = at
            pool.save(update_fields=["looked_at"])
            return 0
    _tell(news, at)
    with transaction.atomic(using=VOLATILE):
        pool = lock_pool(license)
        if pool.over_since == news.over_since:
            _remember(pool, news, at)
        pool.level_told = news.level if news.level is not None else pool.level_told
        pool.looked_at = at
        pool.save()
    return sum([news.mail is not None, bool(news.level), news.drains])


def _news(license: License, pool: LeasePool, at: datetime) -> News:
    return News(
        license=license,
        over_since=pool.over_since,
        mail=_due_mail(pool, at),
        level=_new_level(pool),
        drains=_drains_now(pool, at),
        threads=pool.firm,
    )


def _due_mail(pool: LeasePool, at: datetime) -> int | None:
    """Which mail is due; never two without the days between them, however late we are."""
    number = pool.over_mails
    if pool.over_since is None or number >= len(MAIL_DAYS):
        return None
    due = pool.over_since + max(OVER_TOLERATED, timedelta(days=MAIL_DAYS[number]))
    if pool.over_mailed_at is not None:
        pause = timedelta(days=MAIL_DAYS[number] - MAIL_DAYS[number - 1])
        due = max(due, pool.over_mailed_at + pause)
    return number if at >= due else None


def _drains_now(pool: LeasePool, at: datetime) -> bool:
    if pool.over_since is None or pool.over_mailed_at is None or pool.is_draining:
        return False
    if pool.over_mails < len(MAIL_DAYS):
        return False
    last_call = pool.over_mailed_at + timedelta(days=DRAIN_DAY - MAIL_DAYS[-1])
    return at >= max(last_call, pool.over_since + timedelta(days=DRAIN_DAY))


def _new_level(pool: LeasePool) -> int | None:
    """The level that was reached since the last look; 0 when it fell below all."""
    if not pool.limit:
        return None
    used = 100 * pool.firm // pool.limit
    level = max((level for level in LEVELS if used >= level), default=0)
    return level if level > pool.level_told or (level == 0 and pool.level_told) else None


def _tell(news: News, at: datetime) -> None:
    with transaction.atomic():
        if news.level:
            _event(news, f"threads at {news.level} %", at)
        if news.drains:
            _event(news, "threads drain to the limit", at)
        if news.mail is not None:
            _mail(news, MAIL_DAYS[news.mail])


def _event(news: News, name: str, at: datetime) -> None:
    reason = f"{news.threads} of {news.license.threads} threads"
    LicenseEvent.objects.create(license=news.license, name=name, reason=reason, at=at)


def _mail(news: News, day: int) -> None:
    license, since = news.license, news.over_since
    assert since is not None
    context = {
        "license": license,
        "threads": news.threads,
        "limit": license.threads,
        "since": since,
        "day": day,
        "drains_on": since + timedelta(days=DRAIN_DAY),
        "usage_url": threads_url(license.pk),
    }
    key = f"threads:{license.pk}:{since:%Y%m%dT%H%M%S}:{day}"
    addresses = addresses_of(license.customer_id)
    if addresses:
        queue_mail(key, template="licenses/over_limit", to=addresses, context=context)


def _remember(pool: LeasePool, news: News, at: datetime) -> None:
    if news.mail is not None:
        pool.over_mails, pool.over_mailed_at = news.mail + 1, at
    if news.drains:
        pool.is_draining = True
