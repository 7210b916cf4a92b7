"""Renewals, money that is not earned yet, and the way from paid to installed: rows by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from billing.ledger import note_worth
from billing.models import LedgerEntry, Payment, Refund, Subscription
from licenses.credentials import note_use
from portal.figures.arr import arr_lines
from portal.figures.cash import months_of
from portal.figures.history import first_days
from portal.figures.installs import first_installs, median_time, never_installed
from portal.figures.movements import movements
from portal.figures.past import read_ledger
from portal.figures.renewals import Outcome, renewal_rate, terms_over, unearned
from tests.cards import OTHER_GOOD
from tests.make import make_credential
from tests.portal.money import END, START, make_payment, make_subscription
from tests.shop import Buyer, Shop

LATER = END + timedelta(days=60)


def becomes(row: Subscription, at: datetime, **fields: object) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()
    note_worth(row, at)


def rate(at: datetime = LATER) -> tuple[float | None, list[str]]:
    terms = terms_over(read_ledger(at), at)
    return renewal_rate(terms), [term.outcome for term in terms]


NEXT_YEAR = {"current_period_end": END.replace(year=2027)}
PAST_DUE = {**NEXT_YEAR, "status": "past_due", "past_due_since": END + timedelta(hours=1)}


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        ([(END, NEXT_YEAR)], Outcome.RENEWED),
        ([(END, {"status": "canceled", "ended_at": END})], Outcome.LOST),
        # Paid within the grace: renewed. Never paid: lost, though Stripe began another year.
        (
            [(END, PAST_DUE), (END + timedelta(days=9), {"status": "active"})],
            Outcome.RENEWED,
        ),
        ([(END, PAST_DUE), (END + timedelta(days=22), {})], Outcome.LOST),
        # The renewal was given back: it was none.
        (
            [
                (END, NEXT_YEAR),
                (END + timedelta(days=5), {"status": "canceled", "ended_at": END}),
            ],
            Outcome.LOST,
        ),
    ],
)
def test_a_year_that_ended_was_renewed_or_lost(catalog, story, outcome):
    row = make_subscription(catalog["pro_yearly"])
    note_worth(row, START)

    for at, fields in story:
        becomes(row, at, **fields)

    assert rate() == (float(outcome == Outcome.RENEWED), [outcome])


def test_a_renewal_that_is_not_paid_yet_counts_on_neither_side(catalog):
    row = make_subscription(catalog["pro_yearly"])
    note_worth(row, START)

    becomes(row, END, **PAST_DUE)

    assert rate(END + timedelta(days=3)) == (None, [Outcome.OPEN])


def test_what_ended_in_its_middle_and_what_is_monthly_was_never_due(catalog):
    row = make_subscription(catalog["pro_yearly"])
    monthly = make_subscription(catalog["pro_monthly"], end=START + timedelta(days=31))
    note_worth(row, START)
    note_worth(monthly, START)

    becomes(row, START + timedelta(days=9), status="canceled", ended_at=START + timedelta(days=9))
    becomes(monthly, START + timedelta(days=31), status="canceled")

    assert rate() == (None, [])


def test_who_goes_on_by_the_month_renewed(catalog):
    row = make_subscription(catalog["pro_yearly"])
    note_worth(row, START)

    becomes(row, END, price=catalog["pro_monthly"], current_period_end=END + timedelta(days=31))

    assert rate() == (1.0, [Outcome.RENEWED])


def test_a_year_from_the_29th_of_february_ends_on_the_28th(catalog):
    leap = datetime(2024, 2, 29, 9, tzinfo=UTC)
    row = make_subscription(
        catalog["pro_yearly"], start=leap, end=datetime(2025, 2, 28, 9, tzinfo=UTC)
    )
    make_payment(row, 99500, leap)
    note_worth(row, leap)

    assert unearned(arr_lines(leap), leap)[0].cents == 99500
    end = datetime(2025, 2, 28, 9, tzinfo=UTC)
    becomes(row, end, current_period_end=end.replace(year=2026))
    assert rate(datetime(2025, 4, 1, tzinfo=UTC)) == (1.0, [Outcome.RENEWED])


def test_of_a_year_half_gone_half_is_not_earned_yet(catalog):
    row = make_subscription(catalog["pro_yearly"])
    first = make_payment(row, 99500, START)
    make_payment(row, 20000, START + timedelta(days=100))  # an upgrade
    make_payment(row, 77700, START - timedelta(days=365))  # the year before
    Refund.objects.create(
        stripe_id="re_1",
        payment=first,
        amount_cents=19500,
        status="succeeded",
        created_at=START,
    )
    Refund.objects.create(
        stripe_id="re_2", payment=first, amount_cents=500, status="failed", created_at=START
    )
    monthly = make_subscription(catalog["pro_monthly"])
    make_payment(monthly, 9900, START)
    half = START + (END - START) / 2

    found = unearned(arr_lines(half), half)

    assert [(one.paid_cents, one.cents) for one in found] == [(100_000, 50_000)]


def test_what_was_not_paid_for_is_not_deferred(catalog):
    row = make_subscription(catalog["pro_yearly"])
    make_payment(row, 99500, START)
    becomes(row, END, **PAST_DUE)

    assert unearned(arr_lines(END + timedelta(days=1)), END + timedelta(days=1)) == []


def test_an_entry_is_made_once_for_each_change(catalog):
    row = make_subscription(catalog["pro_yearly"])

    made = [note_worth(row, START), note_worth(row, START + timedelta(days=1))]

    assert made == [True, False]
    assert LedgerEntry.objects.get().cents_a_year == 99500


def test_an_end_is_dated_when_it_was_not_when_we_heard(catalog):
    row = make_subscription(catalog["pro_monthly"])
    note_worth(row, START)

    becomes(row, END + timedelta(days=3), status="canceled", ended_at=END)

    newest = LedgerEntry.objects.latest("at")
    assert (newest.at, newest.heard_at) == (END, END + timedelta(days=3))


def test_the_worked_movements_of_the_definitions():
    """100 customers worth 10,000: 3 leave with 400, 150 less, 300 more, 99 come back, 500 new."""
    start = {1: 200, 2: 100, 3: 100, **dict.fromkeys(range(4, 99), 100), 99: 50, 100: 50}
    end = {one: cents for one, cents in start.items() if one > 3}
    end |= {4: 25, 5: 25, 6: 400, 200: 99, **dict.fromkeys(range(300, 305), 100)}

    found = movements(start, end, known_before={200}, given_back=set())

    assert (found.start, found.customers_at_start, found.end) == (10_000, 100, 10_349)
    assert (found.churned, found.contraction, found.expansion) == (400, 150, 300)
    assert (found.reactivation, found.new, found.customers_lost) == (99, 500, 3)
    assert found.gross_churn == 0.055
    assert found.net_churn == pytest.approx(0.0151)
    assert found.gross_retention == 0.945
    assert found.net_retention == 0.975
    assert found.logo_churn == 0.03


def test_a_month_ends_with_its_last_moment_in_utc(catalog):
    last = datetime(2026, 3, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    row = make_subscription(catalog["pro_monthly"])
    make_payment(row, 100, last)
    make_payment(row, 7, last + timedelta(microseconds=1))

    months = months_of(LATER)

    assert [(one.first_day.month, one.received) for one in months if one.received] == [
        (3, 100),
        (4, 7),
    ]
    assert first_days(datetime(2026, 1, 5, tzinfo=UTC), 2)[0].isoformat() == "2025-12-01"


def test_from_the_money_to_the_first_use_of_a_key(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    first = Subscription.objects.get()
    Buyer(shop, email="two@company.example").buy("pro_monthly", card=OTHER_GOOD)
    shop.settle()
    paid_at = Payment.objects.get(subscription=first).paid_at
    key, _ = make_credential(first.customer)

    note_use(key, client="pip/26.3", at=paid_at + timedelta(minutes=4))
    note_use(key, client="pip/26.3", at=paid_at + timedelta(hours=4))

    installs = first_installs(timezone.now())
    assert [one.took for one in installs] == [None, timedelta(minutes=4)]
    assert median_time(installs) == timedelta(minutes=4)
    later = timezone.now() + timedelta(days=3)
    assert len(never_installed(first_installs(later), later)) == 2  # no file was fetched


def test_a_second_purchase_is_no_first_install(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    row = Subscription.objects.get()
    Subscription.objects.create(
        stripe_id="sub_second",
        customer=row.customer,
        price=row.price,
        quantity=1,
        status="active",
        current_period_end=row.current_period_end,
        created_at=row.created_at + timedelta(days=1),
    )

    assert [one.subscription for one in first_installs(timezone.now())] == [row]
