"""Text that only we can read or make, e.g. the key in the cart's cookie."""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


def seal(text: str) -> str:
    """Encrypt *text* for a cookie or a hidden field."""
    return _fernet().encrypt(text.encode()).decode()


def unseal(sealed: str, *, max_age_s: int) -> str | None:
    """The text again; None if it was not made by us, was changed, or is older than that."""
    try:
        return _fernet().decrypt(sealed.encode(), ttl=max_age_s).decode()
    except (InvalidToken, UnicodeError):
        return None


def derive(purpose: str, text: str) -> bytes:
    """32 bytes that follow from *text* and our secret, and from nothing else."""
    return hmac.digest(settings.SECRET_KEY.encode(), f"{purpose}:{text}".encode(), "sha256")


def _fernet() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_fernet_key(key)) for key in keys])


def _fernet_key(secret: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(b"seal:" + secret.encode()).digest())
