"""`manage.py make_owner`: the person who may enter the admin."""

import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from licenses.models import User, normalize_email


class Command(BaseCommand):
    help = "Make the owner, or give him a new password; prints it once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: Any, **options: Any) -> None:
        password = secrets.token_urlsafe(15)
        owner, _ = User.objects.get_or_create(email=normalize_email(options["email"]))
        owner.is_staff = owner.is_superuser = True
        owner.set_password(password)
        owner.save(update_fields=["is_staff", "is_superuser", "password"])
        self.stdout.write(password)
