"""Broken mails through the door, the reading and the sorting: `python -m bench.broken_mails [N]`.

Poison, Python's own corpus, answers with tokens, delivery reports, each broken in up to thirty
places, cut, or glued to another. They come by the pipe and by two providers' webhooks in turn; each
must be answered 200, stored byte for byte, sorted without an error, and be showable. Prints what
failed, with the seed, and the slowest; exits with 1 if any failed.
`bin/postgres` before it, and it runs on PostgreSQL.
"""

# ruff: noqa: E402 - Django is set up before anything of ours is imported
from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.core import mail as sent_mail
from django.db import connection, transaction
from django.test import Client
from django.test.utils import setup_test_environment
from django.utils import timezone

from licenses.models import User
from outbox.mail import deliver_due_mail
from support import mails, sorting
from support.models import InboundMail, Ticket
from support.public import public_draft
from support.receiving import parse_due_mail
from support.storing import Delivery, keep_mail
from tests.support.desk import answering, make_licensed, sent_to, ticket_of
from tests.support.doors import INBOUND, KEY, mailgun, post, postmark
from tests.support.mails import POISON, delivery_report, mail, mutated
from tests.support.test_reading import corpus

DEV, OWNER = "dev@company.example", "owner@shop.example"
ENVELOPES = ["", "<>", "a\x00b@c", DEV, "x" * 400, "\udcff", "MAILER-DAEMON@mx.example"]
BATCH = 500


@dataclass
class Tally:
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")


def make_seeds() -> list[bytes]:
    """Mails worth breaking; the ticket that some of them answer is there already."""
    ticket_of(mail())
    ours, notice = sent_to(DEV)[0], sent_to(OWNER)[0]
    told = answering(notice, "Try 2.1.\n\n" + notice.body, sender=OWNER, number="o")
    report = delivery_report(DEV, original_id=ours.extra_headers["Message-ID"])
    answer = answering(ours, "Still hangs.", sender=DEV)
    return [*POISON.values(), *(file.read_bytes() for file in corpus()), told, report, answer] + [
        told, report, answer,
    ] * 10  # fmt: skip


def broken(seeds: list[bytes], seed: int) -> bytes:
    chance = random.Random(seed)
    raw, piece = chance.choice(seeds), chance.randbytes(chance.randrange(20))
    if seed % 2:
        raw = mutated(raw, chance, piece)
    else:  # in one place only, so that more of the way is gone
        place = chance.randrange(len(raw) + 1)
        raw = raw[:place] + piece + raw[place + chance.randrange(3) :]
    how = chance.randrange(8)
    if how == 0:
        return raw[: chance.randrange(len(raw) + 1)]
    if how == 1:
        return raw + chance.choice(seeds)[:20_000]
    if how == 2:
        lines = raw.split(b"\n")
        chance.shuffle(lines)
        return b"\n".join(lines)
    return raw


def by_pipe(raw: bytes, seed: int) -> int:
    envelope = random.Random(seed)
    keep_mail(
        Delivery(
            source="pipe",
            raw=raw,
            event_id=f"{seed:050}",
            envelope_from=envelope.choice([None, *ENVELOPES]),
            envelope_to=envelope.choice(ENVELOPES),
        )
    )
    return 200


def by_postmark(raw: bytes, seed: int) -> int:
    return post(INBOUND, postmark(raw, event_id=f"{seed:050}")).status_code


def by_mailgun(raw: bytes, seed: int) -> int:
    return mailgun(raw, token=f"{seed:050}").status_code


def take(raw: bytes, seed: int, tally: Tally) -> None:
    door = [by_pipe, by_postmark, by_mailgun][seed % 3]
    if (status := door(raw, seed)) != 200:
        tally.failures.append(f"{seed}: {door.__name__} answered {status}")
        return
    row = InboundMail.objects.filter(event_id=f"{seed:050}").first()
    if row is None:
        tally.outcomes["the same bytes again"] += 1
        return
    began = time.process_time()
    parse_due_mail(timezone.now())
    spent = time.process_time() - began
    tally.slowest = max(tally.slowest, (spent, f"s, seed {seed}"))
    row.refresh_from_db()
    tally.outcomes[row.outcome] += 1
    if row.last_error or row.outcome == InboundMail.Outcome.WAITING:
        tally.failures.append(f"{seed}: {row.last_error or 'still waiting'}")
    if bytes(row.raw) != raw:
        tally.failures.append(f"{seed}: not the bytes that came")


def show(owner: Client, tally: Tally, seed: int) -> None:
    """What the batch left can be shown, drafted and mailed."""
    pages = ["/owner/tickets/", "/owner/tickets/inbox/"]
    for ticket in Ticket.objects.order_by("pk"):
        public_draft(ticket)
        pages.append(f"/owner/tickets/{ticket.pk}/")
    for page in pages[:20]:
        if owner.get(page, follow=True).status_code != 200:
            tally.failures.append(f"batch at {seed}: {page}")
    while deliver_due_mail(timezone.now()):
        pass
    sent_mail.outbox.clear()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.broken_mails")
    parser.add_argument("number", type=int, nargs="?", default=2_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    setup_test_environment()
    connection.creation.create_test_db(verbosity=0)
    django.conf.settings.OWNER_NEEDS_SECOND_FACTOR = False
    django.conf.settings.INBOUND_PROVIDERS = ["postmark", "mailgun"]
    django.conf.settings.ANYMAIL = {
        "WEBHOOK_SECRET": "hook:secret", "MAILGUN_WEBHOOK_SIGNING_KEY": KEY,
    }  # fmt: skip
    sorting.MAX_AN_HOUR = mails.MAX_AUTOMATIC_AN_HOUR = 10**9
    make_licensed()
    seeds, owner, tally = make_seeds(), Client(raise_request_exception=False), Tally()
    owner.force_login(User.objects.create_superuser(OWNER))
    last, started = arguments.first + arguments.number, time.monotonic()
    for first in range(arguments.first, last, BATCH):
        faulthandler.dump_traceback_later(120)  # says where, should it ever hang
        with transaction.atomic():  # rolled back, so that the last batch is as fast as the first
            for seed in range(first, min(first + BATCH, last)):
                take(broken(seeds, seed), seed, tally)
            show(owner, tally, first)
            transaction.set_rollback(True)
        done = min(first + BATCH, last) - arguments.first
        if done % 5_000 == 0 or done == arguments.number:
            each = (time.monotonic() - started) / done * 1000
            print(
                f"{done}: {len(tally.failures)} failures, {each:.1f} ms each, {tally.slowest}",
                flush=True,
            )
    print(*tally.failures, sep="\n")
    print(dict(tally.outcomes))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
