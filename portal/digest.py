"""One mail a day to the owner, of one screen: what needs him, what came and what went.

Nothing happened: no mail. Whether a day is worth one is decided once, in the transaction that
queues it (`DailyMetric.digested_at`); what it tells begins where the last one stopped, so a worker
that was away for three days leaves nothing out.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Max, OuterRef, QuerySet, Subquery

from billing.models import LedgerEntry, OwnerNotice, Payment
from lib.money import format_cents
from outbox.mail import queue_mail
from portal.desk_inbox import waiting_mail
from portal.figures.cash import months_of
from portal.figures.past import UNEXPLAINED, recompute
from portal.models import DailyMetric
from support.models import Ticket

SETTLED = timedelta(minutes=5)  # what was heard of later may still be in an open transaction
SHOWN = 6  # lines of a kind
LINE = 90  # characters


@dataclass(frozen=True)
class Lines:
    """The first few lines of a kind, and how many more there are."""

    shown: list[str]
    more: int

    @property
    def number(self) -> int:
        return len(self.shown) + self.more


@dataclass(frozen=True)
class Digest:
    needs_him: Lines
    overdue: int  # tickets
    due: int  # today
    inbox: int  # mails that are no ticket
    moved: Lines
    renewed: int
    unexplained: int  # rows of these nights' snapshots that are not in the ledger

    @property
    def says_something(self) -> bool:
        return bool(
            self.needs_him.number
            or self.overdue
            or self.due
            or self.moved.number
            or self.unexplained
        )


def send_digest(at: datetime) -> int:
    """Queue today's digest if there is something to say; 1 if this call decided. Safe to repeat."""
    today = DailyMetric.objects.filter(day=at.date(), digested_at=None)
    if settings.DIGEST_HOUR is None or at.hour < settings.DIGEST_HOUR or not today.exists():
        return 0
    last = DailyMetric.objects.aggregate(at=Max("digested_at"))["at"]
    since = last or at - timedelta(days=1)
    digest = read_digest(since - SETTLED, at - SETTLED)
    context = {"digest": digest, **_figures(at)}
    with transaction.atomic():
        if not today.update(digested_at=at):
            return 0
        if digest.says_something and settings.OWNER_EMAIL:
            queue_mail(
                f"digest:{at:%Y-%m-%d}",
                template="portal/digest",
                to=[settings.OWNER_EMAIL],
                context=context,
            )
    return 1


def read_digest(since: datetime, until: datetime) -> Digest:
    """What happened after *since*, up to *until*, and what stands open."""
    moved, renewed = _moved(since, until)
    waiting = OwnerNotice.objects.filter(needs_him=True, closed_at=None)
    waiting_tickets = Ticket.objects.filter(merged_into=None, due_at__isnull=False)
    tonight = datetime.combine(until.date(), time.max, tzinfo=UTC)
    differences = recompute(since.date() + timedelta(days=1), until.date())
    return Digest(
        needs_him=_lines([one.text for one in waiting]),
        overdue=waiting_tickets.filter(due_at__lt=until).count(),
        due=waiting_tickets.filter(due_at__range=(until, tonight)).count(),
        inbox=waiting_mail().count(),
        moved=_lines(moved),
        renewed=renewed,
        unexplained=sum(one.cause == UNEXPLAINED for one in differences),
    )


def _moved(since: datetime, until: datetime) -> tuple[list[str], int]:
    """A sentence for each subscription that came, went or changed; and how many renewed."""
    before = LedgerEntry.objects.filter(
        subscription=OuterRef("subscription"), pk__lt=OuterRef("pk")
    ).order_by("-pk")
    rows = (
        LedgerEntry.objects.filter(heard_at__gt=since, heard_at__lte=until)
        .annotate(
            cents_before=Subquery(before.values("cents_a_year")[:1]),
            was_leaving=Subquery(before.values("is_leaving")[:1]),
        )
        .exclude(Exists(_older_payments(since)), cents_before=None)
        .select_related("subscription__customer", "subscription__price", "tier__product")
    )
    sentences, renewed = [], 0
    for row in rows.order_by("heard_at", "pk"):
        sentence = _sentence(row, row.cents_before, was_leaving=bool(row.was_leaving))
        if sentence:
            sentences.append(f"{row.subscription.customer}: {sentence}")
        renewed += not sentence
    return sentences, renewed


def _older_payments(since: datetime) -> QuerySet[Payment]:
    """Of a first entry that holds from later than its first payment: `begin_ledger` wrote it, of
    a subscription that is no news.
    """
    of_it = Payment.objects.filter(subscription=OuterRef("subscription"))
    return of_it.filter(paid_at__lt=OuterRef("at")).filter(paid_at__lte=since)


def _sentence(row: LedgerEntry, before: int | None, *, was_leaving: bool) -> str:
    """What the entry says; "" for a mere renewal."""
    currency = row.subscription.price.currency
    now = f"{format_cents(row.cents_a_year, currency)} a year"
    if not before:
        return f"{'bought' if before is None else 'is back with'} {row.tier}, {now}"
    if not row.cents_a_year:
        return f"left, {row.tier}, {format_cents(before, currency)} a year"
    if row.cents_a_year != before:
        return f"{row.tier} is {now}, it was {format_cents(before, currency)}"
    if row.is_leaving and not was_leaving:
        return f"canceled {row.tier}, {now}, until {row.paid_until:%Y-%m-%d}"
    return f"keeps {row.tier} after all" if was_leaving and not row.is_leaving else ""


def _lines(texts: list[str]) -> Lines:
    shown = [_one_line(text) for text in texts[:SHOWN]]
    return Lines(shown, len(texts) - len(shown))


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LINE else f"{line[: LINE - 1]}…"


def _figures(at: datetime) -> dict[str, str | int]:
    """Of today's snapshot, and how it differs from the one that was mailed last."""
    today = DailyMetric.objects.get(day=at.date())
    earlier = DailyMetric.objects.filter(day__lt=today.day, digested_at__isnull=False).first()
    moved = today.arr_cents - earlier.arr_cents if earlier else 0
    return {
        "arr": format_cents(today.arr_cents),
        "moved_by": f"{'+' if moved > 0 else ''}{format_cents(moved)}" if moved else "",
        "customers": today.customers,
        "cash": format_cents(months_of(at, 1)[0].net),
        "admin_path": settings.ADMIN_PATH,
    }
