"""A shop on the floor of this process: database, stand-in, clock, and mail that goes nowhere.

Import it first: it sets Django up, with the settings of the tests.
"""

# ruff: noqa: E402 - Django is set up before anything of ours is imported
from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.conf import settings
from django.core import mail
from django.core.cache import cache
from django.db import connections
from django.test.utils import setup_databases, setup_test_environment, teardown_databases

from tests.standin.process import StandIn, start_standin


@dataclass
class Clock:
    """What tests get from a fixture."""

    coordinates: Any

    def move_to(self, moment: datetime) -> None:
        self.coordinates.move_to(moment)


@contextmanager
def everything() -> Iterator[StandIn]:
    """A database, a stand-in, and mail that goes nowhere."""
    logging.disable(logging.CRITICAL)  # crashes are the point here
    setup_test_environment()
    made = setup_databases(verbosity=0, interactive=False)
    secret = settings.STRIPE_WEBHOOK_SECRETS[0]
    try:
        with start_standin(webhook_url="http://testserver/", webhook_secret=secret) as standin:
            settings.STRIPE_API_BASE = standin.base_url
            yield standin
    finally:
        connections.close_all()
        teardown_databases(made, verbosity=0)


def empty(standin: StandIn) -> None:
    """Nothing at Stripe, which holds its events back; nothing in the cache and no mail."""
    standin.reset()
    standin.hold()
    cache.clear()
    mail.outbox = []
