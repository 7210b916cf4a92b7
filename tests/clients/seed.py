"""Fill the database of a live server: `python -m tests.clients.seed WHAT`.

Prints what the tests need as JSON. It runs in a process of its own, with the server's settings.
"""

import json
import secrets
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

from lib.tokens import digest_of
from licenses import credentials, status
from licenses.models import Credential, Customer, License, Tier
from licenses.scopes import make_scope
from outbox.mail import queue_mail
from pkgindex.models import File, Release, ReservedName, TrustedPublisher, UploadToken
from pkgindex.projects import define_project, set_project_status
from pkgindex.snapshot import export_snapshot
from pkgindex.upload_tokens import create_upload_token, revoke_upload_token
from portal.installing import install_guide
from tests.make import make_credential, make_customer, make_license, make_tier
from tests.pkgindex.make import add_provenance, make_file, make_release, url_of

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
    add_provenance(File.objects.get(filename__startswith="hare_pro-2.0"))
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


def installable() -> dict[str, str]:
    """A project with a file, and a key that opens it."""
    pro = make_tier("pro")
    make_file(make_release(define_project("hare-pro", at=NOW, tier_ids=[pro.pk]), "2.0"))
    key = _customer(pro)[1]
    export_snapshot()
    return {"pro": key}


def large(name: str) -> dict[str, str]:
    """A public file of 20 MB: more than what lies between two ends of a connection."""
    project = define_project(name, at=NOW, is_public=True)
    file = make_file(make_release(project), padding=20 * 10**6)
    export_snapshot()
    return {"url": url_of(file)}


def mail() -> dict[str, str]:
    """Something for `work` to deliver."""
    queue_mail(f"test:{timezone.now()}", template="billing/welcome", to=["a@b.example"], context={})
    return {}


def key() -> dict[str, str]:
    """One more customer of Pro."""
    secret = _customer(Tier.objects.get(slug="pro", product__slug="hare"))[1]
    export_snapshot()
    return {"pro": secret}


def limited() -> dict[str, str]:
    """Keys of Pro with limits, and a public project in quarantine with a file."""
    sick = define_project("sick", at=NOW, is_public=True)
    make_file(make_release(sick))
    set_project_status(sick.pk, "quarantined", reason="it was tampered with")
    scopes = {
        "near": make_scope(networks=["127.0.0.0/29", "10.0.0.0/8", "2001:db8::/33"]),
        "old": make_scope(versions="<2"),
        "ended": make_scope(expires_at=NOW + timedelta(seconds=1)),
        "ending": make_scope(expires_at=NOW + timedelta(days=1)),
        "elsewhere": make_scope(products=["rabbit"]),
    }
    customer = _customer(Tier.objects.get(slug="pro", product__slug="hare"))[0].customer
    told = {
        name: credentials.create_credential(customer.pk, name=name, at=NOW, scope=scope)[1]
        for name, scope in scopes.items()
    }
    export_snapshot()
    return told


def revoke(secret: str) -> dict[str, str]:
    """Revoke a key, by itself."""
    row = Credential.objects.get(digest=digest_of(secret))
    credentials.revoke_credential(row.pk, at=timezone.now())
    return {}


def sell(project: str) -> dict[str, str]:
    """A tier that grants the project, and the key of a customer who has it."""
    tier = make_tier(project, product=project)
    define_project(project, at=NOW, tier_ids=[tier.pk])
    customer = make_customer(f"dev@{project}.example")
    make_license(customer=customer, tier=tier, source=f"owner:{project}")
    return {"key": make_credential(customer)[1]}


def refund(secret: str) -> dict[str, str]:
    """What is done to a license when its money goes back."""
    customer = Credential.objects.get(digest=digest_of(secret)).customer
    for license in License.objects.filter(customer=customer):
        status.revoke_license(license.pk, at=timezone.now(), reason="refunded")
    return {}


def guide() -> dict[str, str]:
    """The first words that the shop shows to the holder of a Pro license, by client, with KEY."""
    shown = install_guide(Tier.objects.get(slug="pro", product__slug="hare"), key="KEY")
    assert shown is not None
    return {snippet.client: snippet.blocks[0].text for snippet in shown.snippets}


def published(name: str) -> dict[str, str]:
    """The releases of a project, and the kinds of their files."""
    files = File.objects.filter(release__project__normalized_name=name).order_by("packagetype")
    kinds: dict[str, str] = {}
    for version, kind in files.values_list("release__version", "packagetype"):
        kinds[version] = f"{kinds.get(version, '')} {kind}".strip()
    return kinds


def trusted(issuer: str) -> dict[str, str]:
    """Workflows that may publish the project told-by-jobs."""
    project = define_project("told-by-jobs", at=NOW, is_public=True)
    for kind, workflow in [("github", "release.yml"), ("gitlab", ".gitlab-ci.yml")]:
        publisher = TrustedPublisher.objects.create(
            kind=kind, issuer=issuer, repository="hare/hare-pro", workflow=workflow
        )
        publisher.projects.set([project])
    return {}


def minted() -> dict[str, str]:
    """How the tokens of jobs ended."""
    tokens = UploadToken.objects.filter(publisher__isnull=False)
    return {str(token): "revoked" if token.revoked_at else "usable" for token in tokens}


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
    license = make_license(customer=customer, tier=tier, source=_source())
    if lapsed_since:
        License.objects.filter(pk=license.pk).update(updates_until=NOW - lapsed_since)
        status.lapse_license(license.pk, at=NOW, reason="test")
    return make_credential(customer)


def _moved(tier: Tier, move: Callable[..., License]) -> str:
    customer: Customer = make_customer()
    license = make_license(customer=customer, tier=tier, source=_source())
    move(license.pk, at=NOW, reason="test")
    return make_credential(customer)[1]


def _source() -> str:
    """Unlike that of any other process: the same one told twice would give one license."""
    return f"owner:{secrets.token_hex(8)}"


if __name__ == "__main__":
    told: dict[str, Callable[..., dict[str, str]]]
    told = {
        "before": before,
        "after": after,
        "displayed": displayed,
        "guide": guide,
        "installable": installable,
        "key": key,
        "large": large,
        "limited": limited,
        "mail": mail,
        "minted": minted,
        "published": published,
        "refund": refund,
        "revoke": revoke,
        "sell": sell,
        "trusted": trusted,
    }
    print(json.dumps(told[sys.argv[1]](*sys.argv[2:])))
