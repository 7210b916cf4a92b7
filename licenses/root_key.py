"""The root key: certifies the signing keys, and may lie off this server between times.

LICENSE_ROOT_KEY_FILE names it; a file that others may read is refused.
"""

import base64
import hashlib
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings

READABLE_BY_OTHERS = 0o077


class NoRootKey(Exception):
    """There is no key to sign with; the sentence tells the owner what to do."""


def load_root_key(file: str = "") -> Ed25519PrivateKey:
    """The key in *file*, or in LICENSE_ROOT_KEY_FILE. Raises NoRootKey."""
    name = file or settings.LICENSE_ROOT_KEY_FILE
    if not name:
        raise NoRootKey(
            "LICENSE_ROOT_KEY_FILE is not set; make a key with `manage.py make_root_key FILE`."
        )
    try:
        status = Path(name).stat()
    except OSError as error:
        raise NoRootKey(
            f"LICENSE_ROOT_KEY_FILE {name} cannot be read: {error.strerror}."
        ) from error
    if status.st_mode & READABLE_BY_OTHERS:
        raise NoRootKey(
            f"LICENSE_ROOT_KEY_FILE {name} is open to other users of this machine; "
            f"run `chmod 600 {name}`."
        )
    return _load(name, status.st_mtime_ns)


def public_key() -> bytes:
    """The 32 bytes of the root key that wheels are built with. Raises NoRootKey."""
    return load_root_key().public_key().public_bytes_raw()


def public_key_text() -> str:
    """The same in base64. Raises NoRootKey."""
    return base64.b64encode(public_key()).decode()


def key_id(public_key: bytes) -> str:
    """The name of a key in a footer: 16 hex characters."""
    return hashlib.sha256(public_key).hexdigest()[:16]


@lru_cache(maxsize=2)
def _load(name: str, mtime_ns: int) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(Path(name).read_bytes(), password=None)
    except OSError as error:
        raise NoRootKey(
            f"LICENSE_ROOT_KEY_FILE {name} cannot be read: {error.strerror}."
        ) from error
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it wants a password
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise NoRootKey(
            f"LICENSE_ROOT_KEY_FILE {name} is not an Ed25519 key in PEM (PKCS 8, no password)."
        )
    return key
