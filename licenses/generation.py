"""A number that rises with every change of who may do what, in the change's own transaction.

Whoever keeps a copy of the rights (the index's snapshot, a replica) compares the number it was
made at; whoever wants to make it anew at once registers for the moment after the commit.
"""

import logging
from collections.abc import Callable

from django.db import transaction
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
    number = Generation.objects.filter(pk=Generation.ONLY).values_list("number", flat=True).first()
    return number or 0
