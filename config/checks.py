"""System checks: combinations of settings that cannot work, each with an id and a hint."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register
from django.db import connection

# Two connections that write and checkpoint at the same moment could corrupt the file before.
SQLITE_FIXED = ((3, 51, 3),)
SQLITE_BACKPORTS = {(3, 50): 7, (3, 44): 6}


@register(Tags.database)
def check_database(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    database = settings.DATABASES["default"]
    if database.get("ATOMIC_REQUESTS"):
        problems.append(
            Error(
                "ATOMIC_REQUESTS is on: every page would take SQLite's only write lock.",
                hint="Remove ATOMIC_REQUESTS; changes open their own transactions.",
                id="wheelbarrow.E003",
            )
        )
    if database["ENGINE"].endswith("sqlite3"):
        problems += _check_sqlite(database.get("OPTIONS", {}), _sqlite_version())
    return problems


def is_safe_sqlite(version: tuple[int, int, int]) -> bool:
    """Whether this SQLite is free of the WAL-reset bug (3.7.0 to 3.51.2, but for two backports)."""
    if version[:2] in SQLITE_BACKPORTS:
        return version[2] >= SQLITE_BACKPORTS[version[:2]]
    return version >= SQLITE_FIXED[0]


def _sqlite_version() -> tuple[int, int, int]:
    info: tuple[int, int, int] = connection.Database.sqlite_version_info  # type: ignore[attr-defined]
    return info


def _check_sqlite(options: dict[str, Any], version: tuple[int, int, int]) -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    if not is_safe_sqlite(version):
        problems.append(
            Error(
                f"SQLite {'.'.join(map(str, version))} can corrupt the database.",
                hint="pip install pysqlite3 (3.51.3 or newer), or use PostgreSQL.",
                id="wheelbarrow.E001",
            )
        )
    if options.get("transaction_mode") != "IMMEDIATE":
        problems.append(
            Error(
                "SQLite's transaction_mode is not IMMEDIATE: writers would fail as 'locked'.",
                hint="Set OPTIONS['transaction_mode'] to 'IMMEDIATE'.",
                id="wheelbarrow.E002",
            )
        )
    if "synchronous=full" not in str(options.get("init_command", "")).lower():
        problems.append(
            Error(
                "SQLite's synchronous is not FULL: a power cut would lose acknowledged webhooks.",
                hint="Add 'PRAGMA synchronous=FULL;' to OPTIONS['init_command'].",
                id="wheelbarrow.E004",
            )
        )
    return problems


@register(Tags.security)
def check_stripe(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    if not settings.STRIPE_SECRET_KEY:
        problems.append(
            Warning(
                "STRIPE_SECRET_KEY is empty: nobody can buy.",
                hint="Set it to the secret or restricted key of your Stripe account.",
                id="wheelbarrow.W005",
            )
        )
    if not settings.STRIPE_WEBHOOK_SECRETS:
        problems.append(
            Warning(
                "STRIPE_WEBHOOK_SECRET is empty: the webhook endpoint is switched off.",
                hint="Set it to the endpoint's signing secret, whsec_….",
                id="wheelbarrow.W006",
            )
        )
    if any(not secret.startswith("whsec_") for secret in settings.STRIPE_WEBHOOK_SECRETS):
        problems.append(
            Error(
                "STRIPE_WEBHOOK_SECRET is not a signing secret.",
                hint="It begins with whsec_ and stands on the endpoint's page at Stripe.",
                id="wheelbarrow.E007",
            )
        )
    return problems


@register(Tags.compatibility)
def check_tax(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if not (settings.STRIPE_TAX and settings.STRIPE_MANAGED_PAYMENTS):
        return []
    return [
        Error(
            "STRIPE_TAX and STRIPE_MANAGED_PAYMENTS are both on: tax would be collected twice.",
            hint="With Managed Payments tax is Stripe's own affair; set STRIPE_TAX=0.",
            id="wheelbarrow.E050",
        )
    ]


@register(Tags.security)
def check_license_key(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if settings.LICENSE_ROOT_KEY_FILE:
        return []
    return [
        Warning(
            "LICENSE_ROOT_KEY_FILE is empty: licenses are sold without a signed document.",
            hint="Make a key with `manage.py make_root_key FILE` and name the file.",
            id="wheelbarrow.W008",
        )
    ]


@register(Tags.compatibility)
def check_operators(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    name = settings.NETWORK_OPERATORS_FILE
    if not name or Path(name).is_file():
        return []
    return [
        Warning(
            f"NETWORK_OPERATORS_FILE {name} is not there: networks are counted instead.",
            hint="Fetch ip2asn-combined.tsv.gz from iptoasn.com, or leave the variable empty.",
            id="wheelbarrow.W034",
        )
    ]


@register(Tags.compatibility)
def check_texts(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if settings.RELAXED:
        return []
    own = Path(settings.DATA_DIR) / "texts"
    missing = {
        "seller.md": ("Quotes and receipts carry no legal name and address.", "wheelbarrow.I060"),
        "license.md": ("Whoever buys agrees to our example of a license.", "wheelbarrow.I061"),
    }
    return [
        Info(says, hint=f"Write your own into {own / name}.", id=id_)
        for name, (says, id_) in missing.items()
        if not (own / name).is_file()
    ]


@register(Tags.security, deploy=True)
def check_inbound_mail(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """A provider gives up after a day before a door that is shut, and tells nobody."""
    from support.webhooks import has_door  # noqa: PLC0415  loads every provider of django-anymail

    shut = [esp for esp in settings.INBOUND_PROVIDERS if esp and not has_door(esp, "inbound")]
    return [
        Info(
            f"The inbound webhook of {esp} is off: customers' mail comes by receive_mail only.",
            hint="Set ANYMAIL_WEBHOOK_SECRET, or what docs/settings.md names for this provider.",
            id="wheelbarrow.I070",
        )
        for esp in shut
    ]


@register(Tags.security, deploy=True)
def check_front(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """One slow reader holds one of gunicorn's few threads for as long as he reads. A server in
    front cannot be seen from here, only whether it was declared.
    """
    if settings.RELAXED or settings.TRUSTED_PROXIES:
        return []
    return [
        Warning(
            "TRUSTED_PROXIES is 0: if gunicorn faces the internet, a few slow clients stop the shop"
            " and its index.",
            hint="Put nginx in front of it (deploy/nginx.conf) and set TRUSTED_PROXIES=1.",
            id="wheelbarrow.W105",
        )
    ]


@register(Tags.compatibility)
def check_upstream(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    own, upstream = urlsplit(settings.BASE_URL), urlsplit(settings.INDEX_UPSTREAM)
    if own.netloc != upstream.netloc:
        return []
    return [
        Error(
            "INDEX_UPSTREAM is this shop: installers would be sent round in a circle.",
            hint="Name another index, e.g. https://pypi.org/simple/, or set it empty.",
            id="wheelbarrow.E106",
        )
    ]
