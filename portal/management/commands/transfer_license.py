"""`manage.py transfer_license LICENSE CUSTOMER`: a license that nobody pays for changes hands."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing.models import Subscription
from licenses.issuing import LicenseRevoked
from licenses.models import Customer, License
from licenses.transferring import transfer_license

PAID = """\
Subscription {id} pays for license {license}. Let its holder hand over the account instead: the new
owner takes it on the page "People", with card, receipts and keys."""


class Command(BaseCommand):
    help = "Give a license that no subscription pays for to another customer."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("license", type=int, help="the license's number")
        parser.add_argument("customer", type=int, help="the number of its new holder")
        parser.add_argument("--reason", default="", help="kept with the event")

    def handle(self, *args: Any, **options: Any) -> None:
        paying = Subscription.objects.filter(license_id=options["license"]).first()
        if paying is not None:
            raise CommandError(PAID.format(id=paying.stripe_id, license=options["license"]))
        try:
            license = transfer_license(
                options["license"],
                to_customer_id=options["customer"],
                at=timezone.now(),
                reason=options["reason"],
            )
        except License.DoesNotExist as error:
            raise CommandError(f"There is no license {options['license']}.") from error
        except Customer.DoesNotExist as error:
            told = f"There is no customer {options['customer']} whose account is open."
            raise CommandError(told) from error
        except LicenseRevoked as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{license} is held by {license.customer}.")
