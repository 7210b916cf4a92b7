"""`manage.py sync_catalog`: make products and prices at Stripe agree with ours."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing import catalog, stripe_api


class Command(BaseCommand):
    help = "Make products and prices at Stripe agree with the catalog. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            for line in catalog.sync_catalog():
                self.stdout.write(line)
        except (catalog.CatalogError, stripe_api.StripeRefused) as error:
            raise CommandError(str(error)) from error
        except stripe_api.StripeUnavailable as error:
            raise CommandError(f"Stripe did not answer; run it again: {error}") from error
        self.stdout.write("Stripe agrees with the catalog.")
