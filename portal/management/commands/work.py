"""`manage.py work`: the loop that does what must happen later. Any number may run at once."""

import signal
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand
from django.db import close_old_connections
from django.utils import timezone

from billing.chores import do_chores
from billing.closings import close_subscriptions
from billing.contracts import start_contracts
from billing.late import refund_late_payments
from billing.licensing import settle_overdue
from billing.mails import remind_unpaid
from billing.offers import turn_offers
from billing.price_moves import move_prices
from billing.refunding import resume_refunds
from billing.reminders import remind_cards, remind_renewals
from billing.second_backup import back_up_due
from billing.sync import sync_due
from licenses.lease_duties import lease_duties
from outbox.mail import deliver_due_mail
from pkgindex.snapshot import repair_snapshot
from pkgindex.sweeping import sweep_leftovers
from pkgindex.usage import fold_usage
from portal.diagnosing import answer_diagnoses
from portal.digest import send_digest
from portal.failing import Failing
from portal.figures.history import keep_metrics
from portal.given_up import tell_of_given_up
from portal.news import announce_releases
from support.privacy import prune_old_mail
from support.receiving import parse_due_mail

# What is done in each round, most urgent first.
DUTIES: tuple[Callable[[datetime], int], ...] = (
    sync_due,
    resume_refunds,
    refund_late_payments,
    start_contracts,
    move_prices,
    turn_offers,
    close_subscriptions,
    settle_overdue,
    remind_unpaid,
    remind_renewals,
    remind_cards,
    parse_due_mail,
    lease_duties,
    tell_of_given_up,
    keep_metrics,
    send_digest,
    answer_diagnoses,
    announce_releases,
    deliver_due_mail,
    repair_snapshot,
    fold_usage,
    sweep_leftovers,
    prune_old_mail,
    back_up_due,
    do_chores,
)


def work_once(failing: Failing | None = None) -> int:
    """One round of every duty; returns how much was done. One that fails stops no other, and
    *failing* remembers it from round to round.
    """
    failing = failing or Failing()
    done = 0
    for duty in DUTIES:
        try:
            done += duty(timezone.now())
        except Exception as error:  # each row keeps its own; this is e.g. a database that is away
            failing.note(duty.__name__, error, timezone.now())
        else:
            failing.clear(duty.__name__, timezone.now())
    return done


class Command(BaseCommand):
    help = "Agree with Stripe, send mail, end what ends. Runs until it is told to stop."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="do what is due now, then end")
        parser.add_argument("--pause", type=float, default=0.5, help="seconds between rounds")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            deadline = time.monotonic() + 50  # a cron minute
            while work_once() and time.monotonic() < deadline:
                pass
            return
        self._run(options["pause"])

    def _run(self, pause: float) -> None:
        stop, failing = threading.Event(), Failing()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            close_old_connections()
            if not work_once(failing):
                stop.wait(pause)
