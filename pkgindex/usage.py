"""Fold the index's notes of uses (pkgindex/index/usage.py) into the database."""

import fcntl
import json
import logging
import os
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from django.db import transaction
from django.db.models import F
from packaging.version import Version

from licenses.credentials import note_use
from licenses.fan_out import note_networks
from licenses.models import Credential
from licenses.operators import load_operators
from pkgindex.index.usage import SUFFIX
from pkgindex.models import Download, File, UsageSpool
from pkgindex.snapshot import snapshot_folder

log = logging.getLogger(__name__)

_AT_ONCE = 1024 * 1024  # bytes of one file in one transaction
_YOUNG = 60  # seconds; a file as young may have no writer yet


@dataclass
class _Notes:
    """What the lines of one file say."""

    # By credential: when, by what client, from which network.
    last_uses: dict[int, tuple[int, str, str]] = field(default_factory=dict)
    # By credential and day: the networks, and those that only jobs of CI came from.
    networks: defaultdict[tuple[int, date], set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )
    ci_networks: defaultdict[tuple[int, date], set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )
    downloads: Counter[tuple[date, int, int, str]] = field(default_factory=Counter)

    def add(self, line: bytes) -> None:
        try:
            second, credential_id, file_id, client, network, *by_whom = json.loads(line)
            at = datetime.fromtimestamp(second, tz=UTC)
        except (ValueError, TypeError, OverflowError, OSError):
            log.warning("A note of a use cannot be read: %r", line[:100])  # half of a full disk
            return
        if file_id:
            self.downloads[at.date(), file_id, credential_id, str(client)[:80]] += 1
        elif credential_id:
            use = (second, str(client)[:80], str(network)[:43])
            self.last_uses[credential_id] = max(self.last_uses.get(credential_id, use), use)
            seen = self.ci_networks if by_whom else self.networks
            seen[credential_id, at.date()].add(use[2])


def spool_folder() -> Path:
    return snapshot_folder() / "usage"


def fold_usage(at: datetime) -> int:
    """Fold what the index noted since the last time; how many files had something new.

    Each line counts once, whoever is killed: how far a file was read stands in the transaction
    that counts its lines.
    """
    load_operators()
    folded = 0
    for path in sorted(spool_folder().glob(f"*{SUFFIX}")):
        with suppress(FileNotFoundError):  # another worker folded it to its end, and took it away
            folded += _fold_file(path)
            _remove_if_done(path, at)
    return folded


def newest_fetched(project_id: int, *, since: date) -> dict[str, tuple[Version, date]]:
    """By customer ("Acme (no. 7)"): the newest version he fetched since that day, and when."""
    rows = Download.objects.filter(
        file__release__project_id=project_id, day__gte=since, customer__isnull=False
    ).values_list("customer__name", "customer_id", "file__release__version", "day")
    found: dict[str, tuple[Version, date]] = {}
    for name, number, text, day in rows:
        customer, fetched = f"{name} (no. {number})", (Version(text), day)
        found[customer] = max(found.get(customer, fetched), fetched)
    return found


def _fold_file(path: Path) -> bool:
    """Whether there was something new."""
    if path.stat().st_size <= _folded_bytes(path):
        return False
    with transaction.atomic():
        UsageSpool.objects.get_or_create(name=path.name)
        spool = UsageSpool.objects.select_for_update().get(name=path.name)
        lines = _new_lines(path, spool.folded_bytes)
        if not lines:
            return False
        notes = _Notes()
        for line in lines:
            notes.add(line)
        _write(notes)
        read = sum(map(len, lines))
        UsageSpool.objects.filter(pk=spool.pk).update(folded_bytes=F("folded_bytes") + read)
    return True


def _folded_bytes(path: Path) -> int:
    spool = UsageSpool.objects.filter(name=path.name).values_list("folded_bytes", flat=True)
    return spool.first() or 0


def _new_lines(path: Path, start: int) -> list[bytes]:
    """The whole lines from *start* on, with their ends; a line that is being written waits."""
    with path.open("rb") as file:
        file.seek(start)
        block = file.read(_AT_ONCE)
    return block[: block.rfind(b"\n") + 1].splitlines(keepends=True)


def _write(notes: _Notes) -> None:
    credential_ids = {credential_id for _, _, credential_id, _ in notes.downloads}
    credentials = Credential.objects.in_bulk([*notes.last_uses, *credential_ids])
    for credential_id, (second, client, network) in notes.last_uses.items():
        if credential := credentials.get(credential_id):
            at = datetime.fromtimestamp(second, tz=UTC)
            note_use(credential, client=client, at=at, network=network)
    for key in notes.networks.keys() | notes.ci_networks.keys():
        if credential := credentials.get(key[0]):
            by_ci = notes.ci_networks.get(key, set())
            note_networks(credential, notes.networks.get(key, set()), by_ci=by_ci, day=key[1])
    file_ids = {file_id for _, file_id, _, _ in notes.downloads}
    known = set(File.objects.filter(pk__in=file_ids).values_list("pk", flat=True))
    for (day, file_id, credential_id, client), count in sorted(notes.downloads.items()):
        credential = credentials.get(credential_id)
        if file_id in known and (credential or not credential_id):
            customer_id = credential.customer_id if credential else None
            _count(day, file_id, customer_id, client, count)


def _count(day: date, file_id: int, customer_id: int | None, client: str, count: int) -> None:
    row, _ = Download.objects.get_or_create(
        day=day, file_id=file_id, customer_id=customer_id, client=client
    )
    Download.objects.filter(pk=row.pk).update(count=F("count") + count)


def _remove_if_done(path: Path, at: datetime) -> None:
    """Take a file away that was folded to its end and whose writer is gone."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.fstat(descriptor)
        is_young = time.time() - found.st_mtime < _YOUNG
        if not is_young and found.st_size <= _folded_bytes(path):
            path.unlink(missing_ok=True)
            UsageSpool.objects.filter(name=path.name).delete()
    except BlockingIOError:
        pass  # it is still being written
    finally:
        os.close(descriptor)
