"""The two databases: SQLite with the settings that keep it right, or PostgreSQL by DATABASE_URL."""

from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from config import env

SQLITE = "django.db.backends.sqlite3"
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",  # DEFERRED loses most read-then-write transactions
    "timeout": 20,  # seconds; SQLite's lock queue is not fair
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA journal_size_limit=67108864;"
    ),
}
# Leases: losing the last seconds of them in a power cut is harmless, the next renewals bring them.
VOLATILE_SQLITE_OPTIONS = SQLITE_OPTIONS | {
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=67108864;"
    ),
}


def durable(folder: Path) -> dict[str, Any]:
    """Everything but the leases, for Django's DATABASES."""
    return _parsed(folder / "wheelbarrow.sqlite3", SQLITE_OPTIONS)


def volatile(folder: Path) -> dict[str, Any]:
    """A second SQLite file beside the first, or a second connection to the same PostgreSQL."""
    parsed = _parsed(folder / "volatile.sqlite3", VOLATILE_SQLITE_OPTIONS)
    if parsed["ENGINE"] == SQLITE:
        if env.text("DATABASE_URL"):
            parsed["NAME"] = f"{parsed['NAME']}.volatile"
    else:
        options = parsed.get("OPTIONS", {})
        asked = f"{options.get('options', '')} -c synchronous_commit=off".strip()
        parsed["OPTIONS"] = {**options, "options": asked}
    return parsed


def _parsed(file: Path, sqlite_options: dict[str, Any]) -> dict[str, Any]:
    try:
        parsed = dict(dj_database_url.parse(env.text("DATABASE_URL") or f"sqlite:///{file}"))
    except ValueError as error:
        raise ImproperlyConfigured(f"DATABASE_URL cannot be read: {error}") from error
    parsed |= {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True, "ATOMIC_REQUESTS": False}
    if parsed["ENGINE"] == SQLITE:
        parsed["OPTIONS"] = sqlite_options
    return parsed
