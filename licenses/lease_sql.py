"""The ledger's most frequent statements, in SQL that SQLite and PostgreSQL read alike.

Building them with the ORM took longer than everything else in a renewal: 850 µs of 1,650, so 80.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections

from licenses.granting import NOTHING, Grant
from licenses.models import LeasePool
from licenses.routers import VOLATILE
from licenses.wishes import Wish

RENEW = """
    UPDATE licenses_lease SET expires_at = %s
    WHERE license_id = %s AND iid = %s AND expires_at > %s
      AND threads = %s AND firm = %s AND slot = %s AND is_counted = %s
"""
FIND_POOL = """
    SELECT "limit", license_rev, firm, surge, leases, is_draining
    FROM licenses_leasepool WHERE license_id = %s
"""
SUM_UP = """
    SELECT is_counted, SUM(firm), SUM(surge), SUM(threads), COUNT(*)
    FROM licenses_lease WHERE license_id = %s GROUP BY is_counted
"""


@dataclass(frozen=True)
class Sums:
    """Over all rows of a license that are in production, or over all that are not."""

    held: Grant = NOTHING
    wanted: int = 0
    leases: int = 0


def renew(license_id: int, wish: Wish, *, at: datetime, until: datetime) -> bool:
    """Extend a lease that already has all it wants; whether there was one. No sum changes."""
    with connections[VOLATILE].cursor() as cursor:
        cursor.execute(RENEW, [
            _moment(until), license_id, _iid(wish.iid), _moment(at),
            wish.threads, wish.threads, wish.slot, wish.is_counted,
        ])  # fmt: skip
        return bool(cursor.rowcount)


def find_pool(license_id: int) -> LeasePool | None:
    """The pool as it was last counted, without a lock and without what it knows of its surges."""
    rows = _ask(FIND_POOL, license_id)
    if not rows:
        return None
    limit, rev, firm, surge, leases, is_draining = rows[0]
    return LeasePool(
        license_id=license_id, limit=limit, license_rev=rev, firm=firm, surge=surge,
        leases=leases, is_draining=bool(is_draining),
    )  # fmt: skip


def sum_up(license_id: int) -> dict[bool, Sums]:
    """What production holds (True), and what everything else does (False)."""
    sums = {True: Sums(), False: Sums()}
    for is_counted, firm, surge, wanted, leases in _ask(SUM_UP, license_id):
        sums[bool(is_counted)] = Sums(Grant(firm, surge), wanted, leases)
    return sums


def _ask(statement: str, license_id: int) -> list[tuple[Any, ...]]:
    with connections[VOLATILE].cursor() as cursor:
        cursor.execute(statement, [license_id])
        return list(cursor.fetchall())


def _moment(at: datetime) -> Any:
    return connections[VOLATILE].ops.adapt_datetimefield_value(at)


def _iid(iid: uuid.UUID) -> Any:
    return iid if connections[VOLATILE].features.has_native_uuid_field else iid.hex
