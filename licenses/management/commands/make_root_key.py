"""`manage.py make_root_key FILE`: the key that signs every license document."""

import base64
import os
from argparse import ArgumentParser
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.management.base import BaseCommand, CommandError

WHAT_TO_DO = """\
The line above is the public key: build it into your wheels, it is no secret.
Set LICENSE_ROOT_KEY_FILE={file} and keep a copy of that file in a safe place off this server.
Whoever has it can make licenses; without it no license can be signed, and your wheels would have
to be built again for another key."""


class Command(BaseCommand):
    help = "Make the Ed25519 key that signs license documents; prints its public half in base64."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="where the private key goes; must not exist yet")

    def handle(self, *args: Any, **options: Any) -> None:
        key = Ed25519PrivateKey.generate()
        _write(options["file"], key)
        public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
        self.stdout.write(public)  # alone on stdout, so that a script can take it
        self.stderr.write(WHAT_TO_DO.format(file=options["file"]), style_func=str)


def _write(name: str, key: Ed25519PrivateKey) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        # O_EXCL: an overwritten key would be a lost business. The mode holds from the first byte.
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise CommandError(f"{name} exists already and is left as it is.") from error
    except OSError as error:
        raise CommandError(f"{name} cannot be written: {error.strerror}.") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
