"""Pools that want more than they have, day after day."""

from datetime import datetime, timedelta

from licenses.lease_duties import lease_duties
from licenses.models import License
from licenses.wishes import Wish
from tests.licenses.leasing import ask

DAY = timedelta(days=1)


def run(license: License, asked: list[Wish], at: datetime, until: datetime) -> None:
    """Everybody renews, and the worker looks, every ten minutes (six hours: nothing happens)."""
    step = timedelta(minutes=10)
    while at < until:
        for one in asked:
            ask(license, one, at)
        lease_duties(at)
        at += step
