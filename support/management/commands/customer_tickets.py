"""`manage.py customer_tickets 7`: what a customer may ask for by law."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from licenses.models import Customer
from support.privacy import delete_tickets, export_tickets


class Command(BaseCommand):
    help = "Print a customer's tickets as JSON; with --delete, delete them for good."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("customer", type=int, help="the customer's number in the admin")
        parser.add_argument("--delete", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        customer = Customer.objects.filter(pk=options["customer"]).first()
        if customer is None:
            raise CommandError(f"There is no customer {options['customer']}.")
        self.stdout.write(json.dumps(export_tickets(customer.pk), indent=2, ensure_ascii=False))
        if options["delete"]:
            self.stderr.write(f"{delete_tickets(customer.pk)} tickets of {customer} are deleted.")
