"""Settings from the environment; a value that cannot work stops the start with one sentence."""

import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_SMTP_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_FALSE = {"", "0", "false", "no", "off"}


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default).strip()


def flag(name: str) -> bool:
    """A switch: 1/true/yes/on or 0/false/no/off/empty."""
    value = text(name).lower()
    if value not in _TRUE | _FALSE:
        raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")
    return value in _TRUE


def number(name: str, default: int, *, low: int = 0) -> int:
    value = text(name, str(default))
    if not value.isascii() or not value.isdigit() or int(value) < low:
        raise ImproperlyConfigured(f"{name} must be a whole number from {low} up, not {value!r}.")
    return int(value)


def hour(name: str, default: int) -> int | None:
    """An hour of the day, 0 to 23; None when the variable is set and empty."""
    value = text(name, str(default))
    if value and not (value.isascii() and value.isdigit() and int(value) < 24):
        raise ImproperlyConfigured(f"{name} must be an hour from 0 to 23, or empty, not {value!r}.")
    return int(value) if value else None


def words(name: str) -> list[str]:
    """A comma-separated list."""
    return [word.strip() for word in text(name).split(",") if word.strip()]


def folder(name: str, default: Path) -> Path:
    """A folder that can be written to; made if it is not there."""
    path = Path(text(name, str(default)))
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"{name} cannot be used as a folder: {error}.") from error
    return path


def url(name: str, default: str = "") -> str:
    """An absolute http(s) URL without a trailing slash, or "" when neither is given."""
    value = text(name, default).rstrip("/")
    if not value:
        return ""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ImproperlyConfigured(
            f"{name} must be a URL like https://shop.example, not {value!r}."
        )
    return value


def secret(name: str, *, dev: str, relaxed: bool) -> str:
    """A secret; *dev* is used only where DEBUG or the demo is on.

    Raises ImproperlyConfigured at start-up in production, so that a forgotten variable stops
    the deploy instead of signing cookies with a key that everyone can read.
    """
    value = text(name)
    if not value and not relaxed:
        raise ImproperlyConfigured(
            f"{name} must be set in production (or set DEBUG=1 on your own machine)."
        )
    return value or dev


def anymail() -> dict[str, str]:
    """Every ANYMAIL_<NAME> variable as {NAME: value}, the form django-anymail reads."""
    prefix = "ANYMAIL_"
    return {
        name.removeprefix(prefix): value
        for name, value in os.environ.items()
        if name.startswith(prefix) and name != "ANYMAIL_BACKEND"
    }


class SmtpServer(NamedTuple):
    host: str
    port: int
    user: str
    password: str
    has_starttls: bool
    has_tls: bool


def smtp_server(name: str) -> SmtpServer | None:
    """A mail server's URL taken apart, or None when it is not set.

    smtp:// speaks in the clear, smtp+starttls:// and smtps:// do not.
    """
    value = text(name)
    if not value:
        return None
    parts = urlsplit(value)
    if parts.scheme not in _SMTP_PORTS or not parts.hostname or not _has_port(parts):
        raise ImproperlyConfigured(
            f"{name} must be like smtp+starttls://user:password@mail.example:587."
        )
    return SmtpServer(
        host=parts.hostname,
        port=parts.port or _SMTP_PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        has_starttls=parts.scheme == "smtp+starttls",
        has_tls=parts.scheme == "smtps",
    )


def _has_port(parts: SplitResult) -> bool:
    """Whether what stands for the port is one, or nothing stands there."""
    try:
        return parts.port != 0
    except ValueError:
        return False
