"""`manage.py reconcile`: what Stripe knows and we do not, reported and put right."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing import stripe_api
from billing.reconcile import reconcile


class Command(BaseCommand):
    help = (
        "Compare our rows with Stripe and have `work` put right what differs. `work` does the "
        "same every night. Safe to repeat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--state-only", action="store_true", help="do not ask for events, only for what is"
        )
        parser.add_argument(
            "--all", action="store_true", help="payments of all time, not of the last 120 days"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        since = datetime(2010, 1, 1, tzinfo=UTC) if options["all"] else None
        try:
            report = reconcile(timezone.now(), events=not options["state_only"], since=since)
        except (stripe_api.StripeUnavailable, stripe_api.StripeRefused) as error:
            raise CommandError(f"Stripe did not answer; run it again: {error}") from error
        for stripe_id, what in sorted({**report.drift, **report.needs_him}.items()):
            self.stdout.write(f"{stripe_id}: {what}")
        self.stdout.write(str(report))
