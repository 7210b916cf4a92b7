"""`manage.py make_lease_key LICENSE_ID`: a credential that leases the threads of a license."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from licenses.credentials import TooManyCredentials, create_lease_credential
from licenses.models import License


class Command(BaseCommand):
    help = "Make a lease key; prints it once. It goes into WHEELBARROW_LEASE_KEY."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("license", type=int, help="the license's number")
        parser.add_argument("--name", default="production", help="default: %(default)s")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            _, token = create_lease_credential(
                options["license"], name=options["name"], at=timezone.now()
            )
        except License.DoesNotExist as error:
            raise CommandError(f"There is no license {options['license']}.") from error
        except TooManyCredentials as error:
            raise CommandError(str(error)) from error
        self.stdout.write(token)
