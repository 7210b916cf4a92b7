"""Random schedules on the real code: `python -m bench.schedules [N] [--first SEED] [--plant BUG]`.

Each seed is one schedule of `tests/flows/schedules.py`. It tells how far it is, prints the seed
and the steps of each that ended wrong, and exits with 1 if any did. `bin/postgres` before it, and
it runs on PostgreSQL.

With `--plant` a bug is planted in the running process first, to see that the schedules find it;
then it stops at the first one that ends wrong and says how many it took.
"""

# ruff: noqa: E402 - Django is set up before anything of ours is imported
from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

import time_machine
from django.conf import settings
from django.core import mail
from django.core.cache import cache
from django.db import connection, transaction
from django.test.utils import setup_test_environment

import billing.licensing
import billing.mails
import billing.stripe_api
import billing.sync
from billing.models import StripeEvent
from lib.times import from_unix, from_unix_or_none
from outbox.claims import Claim
from tests.flows.schedules import Schedule, Wrong
from tests.shop import Shop
from tests.standin.process import StandIn, start_standin

Plant = Callable[[ExitStack], None]


def plant_no_fence(stack: ExitStack) -> None:
    """Whoever was overtaken writes all the same."""

    def mine(claim: Claim) -> Any:
        return claim.model._default_manager.filter(pk=claim.pk)

    stack.enter_context(patch.object(Claim, "_mine", mine))


def plant_no_key(stack: ExitStack) -> None:
    """A payment that failed is mailed as often as it is told."""
    tell, queue = billing.licensing.mail_payment_failed, billing.mails.queue_mail  # type: ignore[attr-defined]

    def queue_anew(key: str, **options: Any) -> Any:
        return queue(f"{key}:{uuid.uuid4()}", **options)

    def without_key(*args: Any) -> None:
        with (
            patch.object(billing.mails, "is_queued", lambda _: False),
            patch.object(billing.mails, "queue_mail", queue_anew),
        ):
            tell(*args)

    stack.enter_context(patch.object(billing.licensing, "mail_payment_failed", without_key))


def plant_payload(stack: ExitStack) -> None:
    """What the newest event that arrived says is taken for what is."""
    retrieve = billing.stripe_api.retrieve_subscription
    kind = billing.sync.Kind.SUBSCRIPTION
    fetch = billing.sync.FETCHES[kind]

    def from_payload(stripe_id: str) -> Any:
        told = StripeEvent.objects.filter(
            about__stripe_id=stripe_id, type__startswith="customer.subscription."
        )
        event = told.order_by("-pk").first()
        remote = retrieve(stripe_id)
        return _as_told(remote, json.loads(event.payload)["data"]["object"]) if event else remote

    def believing(stripe_id: str) -> Any:
        with patch.object(billing.stripe_api, "retrieve_subscription", from_payload):
            return fetch(stripe_id)

    stack.enter_context(patch.dict(billing.sync.FETCHES, {kind: believing}))


def _as_told(remote: Any, told: dict[str, Any]) -> Any:
    return replace(
        remote,
        status=told["status"],
        cancel_at=from_unix_or_none(told["cancel_at"]),
        ended_at=from_unix_or_none(told["ended_at"]),
        current_period_end=from_unix(told["items"]["data"][0]["current_period_end"]),
    )


PLANTS: dict[str, Plant] = {
    "no-fence": plant_no_fence,
    "no-key": plant_no_key,
    "payload": plant_payload,
}


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
    connection.creation.create_test_db(verbosity=0)
    secret = settings.STRIPE_WEBHOOK_SECRETS[0]
    with start_standin(webhook_url="http://testserver/", webhook_secret=secret) as standin:
        settings.STRIPE_API_BASE = standin.base_url
        yield standin


def run_one(standin: StandIn, seed: int) -> None:
    standin.reset()
    standin.hold()
    cache.clear()
    mail.outbox = []
    with time_machine.travel(datetime.now(UTC)) as coordinates, transaction.atomic():
        Schedule(Shop.open(standin, Clock(coordinates)), seed).run()  # type: ignore[arg-type]
        transaction.set_rollback(True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.schedules")
    parser.add_argument("number", type=int, nargs="?", default=100)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--plant", choices=sorted(PLANTS))
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.number)
    started, wrong = time.monotonic(), 0
    with everything() as standin, ExitStack() as stack:
        if arguments.plant:
            PLANTS[arguments.plant](stack)
        for done, seed in enumerate(seeds, start=1):
            try:
                run_one(standin, seed)
            except Wrong as error:
                wrong += 1
                print(error, flush=True)
                if arguments.plant:
                    print(f"{arguments.plant}: found after {done} schedules")
                    return 0
            if done % 20 == 0 or done == len(seeds):
                each = (time.monotonic() - started) / done
                print(f"{done} of {len(seeds)}: {wrong} wrong, {each:.2f} s each", flush=True)
    return 1 if wrong or arguments.plant else 0


if __name__ == "__main__":
    sys.exit(main())
