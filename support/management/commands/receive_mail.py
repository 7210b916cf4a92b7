"""`manage.py receive_mail < file.eml`: for the pipe of a mail server."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from support.reading import MAX_MAIL_BYTES
from support.storing import Delivery, MailTooLarge, keep_mail

DATA_ERROR = 65  # sysexits: the mail server gives the mail back
TRY_AGAIN = 75  # sysexits: the mail server keeps it and tries later


class Command(BaseCommand):
    help = "Take a mail from standard input; `work` reads it later. The same mail twice is one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="sender", help="envelope sender; empty for reports")
        parser.add_argument("--to", dest="recipient", help="envelope recipient")

    def handle(self, *args: Any, **options: Any) -> None:
        raw = sys.stdin.buffer.read(MAX_MAIL_BYTES + 1)
        sender, recipient = options["sender"], options["recipient"]
        delivery = Delivery(
            source="pipe",
            raw=raw,
            envelope_from=os.environ.get("SENDER") if sender is None else sender,
            envelope_to=recipient or os.environ.get("ORIGINAL_RECIPIENT", ""),
        )
        try:
            keep_mail(delivery)
        except MailTooLarge as error:
            raise CommandError(f"too large: {error}", returncode=DATA_ERROR) from error
        except Exception as error:  # a database that is away: nothing may be lost
            raise CommandError(f"not stored: {error}", returncode=TRY_AGAIN) from error
