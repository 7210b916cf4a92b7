"""A customer's license through a card that fails and a charge that is disputed: index, leases and
document at once (docs/scenarios-licensing.md).
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from wheelbarrow_client import verify
from wheelbarrow_client.tokens import read_token

from billing.models import Payment, Subscription
from licenses.credentials import create_lease_credential
from licenses.models import License
from licenses.root_key import public_key_text
from pkgindex.models import File
from tests.cards import FAILS_AT_RENEWAL
from tests.flows.buying import shown_key
from tests.flows.disputing import decide, dispute
from tests.licenses.api import ApiClient
from tests.pkgindex.index_client import IndexClient
from tests.pkgindex.make import make_file, make_project, make_release, url_of
from tests.shop import Buyer, Shop

pytestmark = pytest.mark.usefixtures("root_key")


@dataclass
class Holding:
    """What a customer has, and what it opens."""

    index: IndexClient
    api: ApiClient
    old: File

    def installs(self, file: File) -> int:
        return self.index.get(url_of(file)).status

    def leases(self) -> tuple[str, int]:
        answer = self.api.lease(uuid.uuid4(), threads=40, slot="host/1")
        return answer["code"], answer["firm"]

    def document(self) -> str:
        return self.api.send("GET", "/v1/license").content.decode()


@pytest.fixture
def holding(shop: Shop, settings, tmp_path: Path) -> Holding:
    """One block of a hundred threads, bought by a card that fails at the renewal."""
    settings.DATA_DIR = tmp_path / "data"
    settings.MEDIA_ROOT = tmp_path / "data"
    page = Buyer(shop).buy("enterprise_monthly", 1, card=FAILS_AT_RENEWAL).content.decode()
    shop.settle()
    license = License.objects.get()
    project = make_project("hare-x", tiers=[license.tier])
    _, lease_key = create_lease_credential(license.pk, name="prod", at=timezone.now())
    return Holding(
        IndexClient(shown_key(page)), ApiClient(lease_key), make_file(make_release(project, "1.0"))
    )


def publish(version: str) -> File:
    project = File.objects.get().release.project
    return make_file(make_release(project, version, released_at=timezone.now()))


def test_a_card_that_fails_changes_nothing_for_21_days_and_then_only_newer_releases(
    shop: Shop, holding: Holding
):
    shop.advance(days=31, hours=3)
    shop.settle()
    since = Subscription.objects.get().past_due_since
    assert since is not None
    document = verify(holding.document(), [public_key_text()])
    new = publish("2.0")

    shop.clock.move_to(since + timedelta(days=20))
    shop.work()

    assert License.objects.get().status == License.Status.ACTIVE
    assert (holding.installs(holding.old), holding.installs(new)) == (200, 200)
    assert holding.leases() == ("OK", 40)
    assert verify(holding.document(), [public_key_text()]).rev == document.rev

    shop.clock.move_to(since + timedelta(days=22))
    shop.work()

    assert (holding.installs(holding.old), holding.installs(new)) == (200, 402)
    assert holding.index.get(url_of(new)).reason.startswith("Your license of Hare Enterprise ended")
    assert holding.leases() == ("LAPSED", 40)  # what runs, runs on
    ended = verify(holding.document(), [public_key_text()])
    assert ended.rev > document.rev
    assert ended.covers_release(holding.old.release.released_at)
    assert not ended.covers_release(new.release.released_at)


def test_a_charge_that_is_taken_back_ends_index_document_and_leases_at_once(
    shop: Shop, holding: Holding
):
    assert holding.leases() == ("OK", 40)
    dispute_id = dispute(shop, Payment.objects.get())

    assert holding.installs(holding.old) == 402
    assert holding.leases() == ("SUSPENDED", 0)
    assert holding.api.send("GET", "/v1/license").status_code == 403

    decide(shop, dispute_id, "lost")

    assert holding.installs(holding.old) == 402
    assert holding.leases() == ("REVOKED", 0)
    assert "revoked" in holding.index.get(url_of(holding.old)).reason
    assert str(License.objects.get().pk) in revoked_licenses(holding)


def revoked_licenses(holding: Holding) -> list[str]:
    """As the public list says, which wheels can be built with."""
    token = holding.api.send("GET", "/v1/keys").json()["licenses"]
    claims = read_token(
        token, [public_key_text()], purpose=b"wheelbarrow-revoked-v1", use="license"
    )
    revoked: list[str] = claims["revoked"]
    return revoked
