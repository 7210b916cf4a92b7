"""A number that rises with every change of who may do what, in the change's own transaction.

Whoever keeps a copy of the rights (the index's snapshot, a replica) compares the number it was
made at; whoever wants to make it anew at once registers for the moment after the commit.
"""

import logging
from collections.abc import Callable

from django.db import connection, transaction
from django.db.models import F

from licenses.models import Generation

log = logging.getLogger(__name__)
Observer = Callable[[], None]
_observers: list[Observer] = []


def on_change(observer: Observer) -> Observer:
    """Call *observer* in this process after every commit that raised the number.

    It may fail: that is logged, and the number still tells that something is out of date.
    """
    _observers.append(observer)
    return observer


def raise_generation() -> None:
    """Say that something changed; call it in the transaction of the change."""
    Generation.objects.get_or_create(pk=Generation.ONLY)
    Generation.objects.filter(pk=Generation.ONLY).update(number=F("number") + 1)
    for observer in _observers:
        transaction.on_commit(observer, robust=True)


def current_generation() -> int:
    """Asked with every renewal, hence in SQL: the ORM takes 180 µs to build what runs for 10."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT number FROM licenses_generation WHERE id = %s", [Generation.ONLY])
        row = cursor.fetchone()
    return int(row[0]) if row else 0
