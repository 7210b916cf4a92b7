"""One mail a day to the owner: what needs him, what came and went; none when nothing did."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.utils import timezone

from billing.models import LedgerEntry, OwnerNotice, Subscription
from outbox.models import Mail
from portal.digest import LINE, send_digest
from portal.figures.history import keep_metrics
from portal.models import ArrChange, DailyMetric
from tests.flows.crashing import crashes_in_turn
from tests.make import make_customer
from tests.shop import Buyer, Shop
from tests.support.desk import make_conversation


@pytest.fixture(autouse=True)
def _six_o_clock(settings) -> None:
    settings.DIGEST_HOUR = 6


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """It opens at noon, whatever the hour at which this runs: today's morning is over."""
    now = timezone.now()
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0)
    noon += timedelta(days=noon <= now)
    shop.advance(seconds=(noon - now).total_seconds())
    return shop


def digests() -> list[str]:
    """Subject and body of each."""
    rows = Mail.objects.filter(key__startswith="digest:").order_by("pk")
    return [f"{row.subject}\n{row.body}" for row in rows]


def at_seven(shop: Shop, days: int = 1) -> None:
    """Work through so many mornings, in UTC."""
    for _ in range(days):
        now = timezone.now()
        morning = now.replace(hour=7, minute=0, second=0, microsecond=0) + timedelta(days=1)
        shop.advance(seconds=(morning - now).total_seconds())
        shop.settle()


def test_a_sale_stands_in_the_next_mornings_mail_and_in_no_other(shop: Shop):
    at_seven(shop)
    Buyer(shop).buy("pro_yearly")
    shop.settle()
    mail.outbox = []

    at_seven(shop, days=3)

    name = Subscription.objects.get().customer
    assert len(digests()) == 1
    assert f"- {name}: bought Hare Pro, $995 a year" in digests()[0]
    assert "ARR $995 (+$995), 1 customer; net cash this month $" in digests()[0]
    assert [sent.to for sent in mail.outbox] == [["owner@shop.example"]]


def test_on_a_day_without_news_nobody_is_written_to(shop: Shop):
    at_seven(shop, days=4)

    assert digests() == []
    assert DailyMetric.objects.filter(digested_at__isnull=False).count() == 4


def test_before_the_hour_nothing_is_decided_and_without_one_never(db, settings, time_machine):
    night = datetime(2026, 3, 2, 5, 59, tzinfo=UTC)
    time_machine.move_to(night)
    keep_metrics(night)

    assert send_digest(night) == 0
    settings.DIGEST_HOUR = None
    assert send_digest(night + timedelta(hours=3)) == 0
    assert not DailyMetric.objects.filter(digested_at__isnull=False).exists()


def test_what_needs_him_comes_every_morning_until_it_is_done(shop: Shop):
    notice = OwnerNotice.objects.create(
        key="d", text="Answer the dispute.", needs_him=True, created_at=timezone.now()
    )

    at_seven(shop, days=2)
    OwnerNotice.objects.filter(pk=notice.pk).update(closed_at=timezone.now())
    at_seven(shop, days=2)

    assert [text.splitlines()[0] for text in digests()] == [
        "1 needs you: Wheelbarrow, $0 a year"
    ] * 2
    assert "- Answer the dispute." in digests()[0]


def test_a_worker_that_was_away_for_days_leaves_nothing_out(shop: Shop):
    at_seven(shop)
    Buyer(shop).buy("pro_monthly")
    shop.settle()

    shop.advance(days=3)
    at_seven(shop)

    assert len(digests()) == 1
    assert "bought Hare Pro" in digests()[0]


def test_each_way_in_which_a_subscription_moves_has_a_sentence(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    at_seven(shop)
    row, now = Subscription.objects.get(), timezone.now()
    newest = LedgerEntry.objects.get()
    stories = [(118_800, True), (118_800, False), (237_600, False), (0, False), (118_800, False)]
    for cents, is_leaving in stories:
        newest.pk = None
        newest.cents_a_year, newest.is_leaving, newest.heard_at = cents, is_leaving, now
        newest.at = now
        newest.save()

    at_seven(shop)

    told = digests()[-1]
    for sentence in (
        f"canceled Hare Pro, $1,188 a year, until {row.current_period_end:%Y-%m-%d}",
        "keeps Hare Pro after all",
        "Hare Pro is $2,376 a year, it was $1,188",
        "left, Hare Pro, $2,376 a year",
        "is back with Hare Pro, $1,188 a year",
    ):
        assert f"- {row.customer}: {sentence}\n" in told


def test_a_renewal_alone_is_no_news(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    at_seven(shop)
    mail.outbox = []

    shop.advance(days=32)
    shop.settle()
    at_seven(shop)

    assert len(digests()) == 1  # of the purchase


def test_a_ticket_that_is_due_is_named(shop: Shop):
    make_conversation(make_customer())

    at_seven(shop, days=5)

    assert "overdue" in digests()[-1]
    assert "http://testserver/owner/tickets/" in digests()[-1]


def test_a_changed_snapshot_is_told_once(shop: Shop, settings):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    at_seven(shop)

    settings.DIGEST_HOUR = 8
    at_seven(shop)
    ArrChange.objects.update(arr_cents=7)
    settings.DIGEST_HOUR = 6
    shop.settle()
    at_seven(shop)

    assert len(digests()) == 2
    assert "1 figure of the last nights is not what the ledger says" in digests()[-1]


def test_who_bought_before_there_was_a_ledger_did_not_buy_yesterday(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    at_seven(shop, days=3)
    LedgerEntry.objects.all().delete()

    at_seven(shop, days=2)

    assert LedgerEntry.objects.exists()
    assert len(digests()) == 1  # of the purchase


def test_a_purchase_that_was_heard_of_late_is_news_still(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    at_seven(shop, days=3)
    LedgerEntry.objects.update(heard_at=timezone.now())

    at_seven(shop)

    assert len(digests()) == 2
    assert "bought Hare Pro" in digests()[-1]


def test_however_much_there_is_it_fits_on_one_screen(shop: Shop):
    for number in range(40):
        text = f"Notice {number} " + "with many words\n" * 40
        OwnerNotice.objects.create(
            key=str(number), text=text, needs_him=True, created_at=timezone.now()
        )
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    entry = LedgerEntry.objects.get()
    for _ in range(30):
        entry.pk, entry.cents_a_year = None, entry.cents_a_year + 100
        entry.save()

    at_seven(shop)

    lines = digests()[0].splitlines()
    assert "- and 34 more" in lines
    assert len(lines) <= 26
    assert max(len(line) for line in lines) <= LINE + 2


@pytest.mark.django_db(transaction=True)
def test_a_crash_anywhere_neither_loses_nor_doubles_it(time_machine):
    at = datetime(2026, 3, 2, 7, tzinfo=UTC)
    time_machine.move_to(at)
    keep_metrics(at)
    OwnerNotice.objects.create(key="d", text="Answer.", needs_him=True, created_at=at)

    def both_or_neither() -> None:
        decided = DailyMetric.objects.filter(digested_at__isnull=False).exists()
        assert decided == bool(digests())

    crashes = crashes_in_turn(lambda: send_digest(at), both_or_neither)

    assert crashes == 2
    assert [len(digests()), send_digest(at), len(digests())] == [1, 0, 1]
