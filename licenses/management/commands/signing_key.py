"""`manage.py signing_key list|issue|rotate|revoke`: the keys between the root and the documents."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from licenses.models import SigningKey
from licenses.root_key import NoRootKey
from licenses.signing_keys import issue_signing_key, revoke_signing_key

WHAT_FOLLOWS = """\
Revoked. Every license has a new revision: clients that lease fetch a document of a living key
with their next answer. Send a new document to whoever is off the network."""


class Command(BaseCommand):
    help = "List, issue, rotate or revoke the keys that sign documents and leases."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("act", choices=["list", "issue", "rotate", "revoke"])
        parser.add_argument("kid", nargs="?", help="which key to revoke")
        parser.add_argument("--use", choices=SigningKey.Use.values, help="default: both")
        parser.add_argument(
            "--root", default="", help="the root key's file; default: LICENSE_ROOT_KEY_FILE"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['act']}")(options)
        except NoRootKey as error:
            raise CommandError(str(error)) from error

    def _list(self, options: dict[str, Any]) -> None:
        now = timezone.now()
        for key in SigningKey.objects.order_by("pk"):
            state = "revoked" if key.revoked_at else "valid" if key.not_after > now else "old"
            self.stdout.write(f"{key.kid}  {key.use:7}  {key.not_after:%Y-%m-%d}  {state}")

    def _issue(self, options: dict[str, Any]) -> None:
        uses = [options["use"]] if options["use"] else SigningKey.Use.values
        for use in uses:
            key = issue_signing_key(
                SigningKey.Use(use), at=timezone.now(), root_file=options["root"]
            )
            self.stdout.write(f"{key.kid}  {key.use:7}  signs from now on")

    _rotate = _issue  # earlier keys stay valid for what they signed

    def _revoke(self, options: dict[str, Any]) -> None:
        try:
            revoke_signing_key(options["kid"] or "", at=timezone.now(), root_file=options["root"])
        except SigningKey.DoesNotExist as error:
            raise CommandError(f"There is no signing key {options['kid']!r}.") from error
        self.stdout.write(WHAT_FOLLOWS)
