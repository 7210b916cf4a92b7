"""Stripe as second backup: each customer's licenses and credential digests in his metadata there.

With database and backups gone, this and the code bring every paying customer back with the key he
has. Written by the worker after every change of rights, never inside a transaction.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Case, F, Value, When
from django.utils import timezone

from billing import stripe_api
from billing.models import BackupCursor, SecondBackup, StripeCustomer
from billing.packing import TooMuchToPack, ours, pack, unpack
from billing.remote import RemoteCustomer
from billing.restorable import (
    CREDENTIAL,
    LICENSE,
    RestorableCredential,
    RestorableLicense,
    credential_entry,
    license_entry,
    read_credential,
    read_license,
)
from licenses.generation import current_generation
from licenses.models import Credential, License
from outbox.claims import Claim, for_a_while

log = logging.getLogger(__name__)
Metadata = dict[str, str]


@dataclass(frozen=True)
class Restorable:
    """What a customer's metadata brings back."""

    licenses: tuple[RestorableLicense, ...]
    credentials: tuple[RestorableCredential, ...]


def read_backup(metadata: Mapping[str, str]) -> Restorable:
    """What `back_up_due` wrote; raises BackupDamaged when not all of it is there."""
    entries = unpack(metadata)
    return Restorable(
        licenses=tuple(read_license(one) for one in entries if one.startswith(LICENSE)),
        credentials=tuple(read_credential(one) for one in entries if one.startswith(CREDENTIAL)),
    )


def back_up_due(at: datetime) -> int:
    """Write what changed since it was last written; returns how many customers were done."""
    _mark_changed(at)
    due = SecondBackup.objects.due(at).order_by("attempts", "due_at").values_list("pk", flat=True)
    return sum(_back_up(pk, timezone.now()) for pk in for_a_while(due[:50]))


def differs_at_stripe(remote: RemoteCustomer) -> bool:
    """Whether Stripe shows something else than was last written; then it is written anew."""
    row = SecondBackup.objects.filter(customer__stripe_id=remote.stripe_id, due_at=None).first()
    if row is None or remote.is_deleted or ours(remote.metadata) == row.written:
        return False
    exact = stripe_api.retrieve_customer(remote.stripe_id)  # the list may be older than our row
    if exact.is_deleted or ours(exact.metadata) == row.written:
        return False
    _mark(row, timezone.now(), written=ours(exact.metadata))
    return True


def _mark_changed(at: datetime) -> None:
    """Ask for a backup of whoever's rights are not as they were last written."""
    generation = current_generation()
    cursor = BackupCursor.objects.filter(pk=BackupCursor.ONLY).first()
    if cursor is not None and cursor.generation == generation:
        return
    customers = list(StripeCustomer.objects.select_related("backup"))
    entries = _entries(customers, at)
    with transaction.atomic():
        for customer in customers:
            backup = getattr(customer, "backup", None)
            if backup is None or backup.written != _packed(entries[customer.customer_id]):
                row, _ = SecondBackup.objects.get_or_create(customer=customer)
                _mark(row, at)
        # Read before the rights were: whoever changed them since raised it further.
        BackupCursor.objects.update_or_create(
            pk=BackupCursor.ONLY, defaults={"generation": generation}
        )


def _mark(row: SecondBackup, at: datetime, **fields: Any) -> None:
    SecondBackup.objects.filter(pk=row.pk).update(
        hints=F("hints") + 1, due_at=at, dead_at=None, attempts=0, **fields
    )


def _entries(customers: Iterable[StripeCustomer], at: datetime) -> dict[int, list[str]]:
    """What is to be kept of each customer (ours, not Stripe's), by two queries for all."""
    ids = [customer.customer_id for customer in customers]
    chosen = {"customer__in": ids} if len(ids) == 1 else {}
    entries: dict[int, list[str]] = defaultdict(list)
    licenses = License.objects.filter(**chosen).select_related("tier__product").order_by("pk")
    for license in licenses:
        entries[license.customer_id].append(license_entry(license))
    for credential in Credential.objects.usable(at).filter(**chosen).order_by("pk"):
        entries[credential.customer_id].append(credential_entry(credential))
    return entries


def _packed(entries: list[str]) -> Metadata | None:
    """None for too much: that fails on its own row and stops no other customer's."""
    try:
        return pack(entries)
    except TooMuchToPack:
        return None


def _back_up(pk: int, at: datetime) -> bool:
    claim = SecondBackup.objects.claim(pk, at)
    if claim is None:
        return False
    row = SecondBackup.objects.select_related("customer").get(pk=pk)
    try:
        wanted = pack(_entries([row.customer], at)[row.customer.customer_id])
        left_over = dict.fromkeys(row.written.keys() - wanted.keys(), "")
        if wanted != row.written:
            stripe_api.write_metadata(row.customer.stripe_id, {**left_over, **wanted})
        return _let_go(claim, row, wanted)
    except stripe_api.StripeObjectGone as error:
        return _let_go(claim, row, wanted, note=f"gone at Stripe: {error}")
    except Exception as error:
        log.exception("no second backup of %s", row.customer.stripe_id)
        claim.fail(error, timezone.now())
        return False


def _let_go(claim: Claim, row: SecondBackup, written: Metadata, note: str = "") -> bool:
    """Done, unless his rights changed again meanwhile."""
    return claim.update(
        written=written,
        written_at=timezone.now(),
        due_at=Case(When(hints=row.hints, then=Value(None)), default=F("due_at")),
        attempts=0,
        last_error=note[:2000],
    )
