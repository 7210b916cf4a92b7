from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from pkgindex.upload_tokens import create_upload_token


class Command(BaseCommand):
    help = "Make a token that publishes files to any project, and print it: now and never again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help='where it will be used, e.g. "laptop"')

    def handle(self, *args: Any, **options: Any) -> None:
        _, secret = create_upload_token(options["name"], at=timezone.now())
        self.stdout.write(secret)
