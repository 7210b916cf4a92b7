"""Processes of customers, for tests: they ask, and remember what they were given."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from licenses.leases import TTL_SECONDS, acquire_leases
from licenses.models import Lease, License
from licenses.wishes import Answer, Wish
from tests.make import make_license, make_tier

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
TTL = timedelta(seconds=TTL_SECONDS)
BOTH = ["default", "volatile"]


def limited(threads: int | None = 100, **options: Any) -> License:
    tier = make_tier("enterprise", threads_per_unit=100)
    license = make_license(tier=tier, threads=threads, **options)
    return License.objects.select_related("customer", "tier__product").get(pk=license.pk)


def wish(threads: int, iid: uuid.UUID | None = None, **fields: Any) -> Wish:
    return Wish(iid=iid or uuid.uuid4(), threads=threads, **fields)


def ask(license: License, asked: Wish, at: datetime = AT) -> Answer:
    (answer,) = acquire_leases(license, [asked], at=at).answers
    return answer


def got(answer: Answer) -> tuple[str, int, int]:
    return (answer.code, answer.grant.firm, answer.grant.surge)


def sums(license: License) -> tuple[int, int]:
    """Firm and surge over all rows of the license in production."""
    rows = Lease.objects.filter(license_id=license.pk, is_counted=True)
    return sum(row.firm for row in rows), sum(row.surge for row in rows)
