"""Fill the database of a live server: `python -m tests.clients.seed before|after|displayed`.

Prints what the tests need as JSON. It runs in a process of its own, with the server's settings.
"""

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import django

django.setup()

# The rest needs the apps to be loaded.
# ruff: noqa: E402
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from licenses import credentials, status
from licenses.models import Customer, License, Tier
from pkgindex.models import Release, ReservedName
from pkgindex.projects import define_project
from pkgindex.snapshot import export_snapshot
from pkgindex.upload_tokens import create_upload_token, revoke_upload_token
from tests.make import make_credential, make_customer, make_license, make_tier

NOW = timezone.now()


def before() -> dict[str, str]:
    """Tokens to upload with."""
    revoked, revoked_secret = create_upload_token("gone", at=NOW)
    revoke_upload_token(revoked.pk, at=NOW)
    return {"upload": create_upload_token("laptop", at=NOW)[1], "revoked_upload": revoked_secret}


def after() -> dict[str, str]:
    """Who may have what was uploaded, and a key for each kind of customer."""
    pro, ent = make_tier("pro"), make_tier("enterprise")
    define_project("hare", at=NOW, is_public=True)
    define_project("hare-pro", at=NOW, tier_ids=[pro.pk, ent.pk])
    define_project("hare-ent", at=NOW, tier_ids=[ent.pk])
    ReservedName.objects.create(normalized_name="hare", is_prefix=True)
    Release.objects.filter(version="1.0").update(released_at=NOW - timedelta(days=100))
    # Written past the functions that announce it; the keys below raise the generation.
    lost, lost_key = _customer(pro)
    credentials.revoke_credential(lost.pk, at=NOW)
    return {
        "pro": _customer(pro)[1],
        "enterprise": _customer(ent)[1],
        "revoked_key": lost_key,
        "lapsed": _customer(pro, lapsed_since=timedelta(days=50))[1],
        "lapsed_long_ago": _customer(pro, lapsed_since=timedelta(days=150))[1],
        "suspended": _moved(pro, status.suspend_license),
        "revoked": _moved(pro, status.revoke_license),
        "other_tier": _customer(make_tier("team", product="rabbit"))[1],
    }


def displayed() -> dict[str, str]:
    """The page that shows a new key of Enterprise, as a browser gets it, and the key."""
    call_command("collectstatic", interactive=False, verbosity=0)
    customer: Customer = make_customer()
    make_license(customer=customer, tier=make_tier("enterprise"), source="owner:displayed")
    browser = Client(headers={"host": urlsplit(settings.BASE_URL).netloc})
    user = customer.contacts.get().user
    assert user is not None
    browser.force_login(user)
    page = browser.post("/account/keys/", {"customer": customer.pk, "name": "ci"}).content.decode()
    export_snapshot()
    return {"page": page}


def _customer(tier: Tier, lapsed_since: timedelta | None = None) -> Any:
    customer: Customer = make_customer()
    license = make_license(customer=customer, tier=tier)
    if lapsed_since:
        License.objects.filter(pk=license.pk).update(updates_until=NOW - lapsed_since)
        status.lapse_license(license.pk, at=NOW, reason="test")
    return make_credential(customer)


def _moved(tier: Tier, move: Callable[..., License]) -> str:
    customer: Customer = make_customer()
    move(make_license(customer=customer, tier=tier).pk, at=NOW, reason="test")
    return make_credential(customer)[1]


if __name__ == "__main__":
    print(json.dumps({"before": before, "after": after, "displayed": displayed}[sys.argv[1]]()))
