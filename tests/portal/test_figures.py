"""The figures of the dashboard, on numbers that were worked out by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from billing.models import LedgerEntry, Price, Subscription
from portal.chart import HEIGHT, bars
from portal.figures.arr import arr_lines, by_customer
from portal.figures.concentration import concentrate
from portal.figures.history import differences, keep_metrics, kept_on, movements_between
from portal.figures.movements import movements
from portal.models import ArrChange, DailyMetric
from tests.flows.crashing import crashes_in_turn
from tests.make import make_customer, make_license

PRO_YEARLY, PRO_MONTHLY, ENTERPRISE = 99500, 9900 * 12, 26900 * 12
FIXTURE = [PRO_YEARLY] * 1700 + [PRO_MONTHLY] * 200 + [ENTERPRISE] * 95 + [2_000_000] * 5


def test_the_fixture_of_two_thousand_customers_adds_up():
    """Scenario 25, the figures."""
    found = concentrate(FIXTURE)

    assert sum(FIXTURE) == 233_576_000
    assert round(sum(FIXTURE) / 12) == 19_464_667
    assert f"{found.top1:.4%} {found.top5:.4%} {found.top10:.4%}" == "0.8563% 4.2813% 4.9723%"
    assert f"{found.hhi:.8f} {found.effective:.0f}" == "0.00090825 1101"


def test_fifteen_equal_customers_are_no_alarm_and_one_of_forty_percent_is():
    """Scenario 26."""
    assert concentrate([100] * 15).color == "green"
    assert concentrate([100] * 14 + [1400 * 4 // 6]).color == "red"
    assert concentrate([]).color == concentrate([0, 0]).color == "green"
    assert concentrate([100]).color == "green"  # the only one there is


@pytest.mark.parametrize(("largest", "color"), [(2, "green"), (4, "amber"), (6, "red")])
def test_among_many_three_percent_is_a_warning_and_five_an_alarm(largest: int, color: str):
    assert concentrate([largest * 10] + [1] * (1000 - largest * 10)).color == color


def test_movements_are_sorted_as_the_definitions_say():
    start = dict.fromkeys(range(100), 100)
    end = dict(start)
    del end[0], end[1]
    end[3], end[4] = 0, 50  # a customer left by a zero, one has less
    end |= {5: 400, 200: 99, 201: 250, 202: 250}

    found = movements(start, end, known_before={200}, given_back={1})

    assert (found.start, found.new, found.reactivation) == (10_000, 500, 99)
    assert (found.expansion, found.contraction) == (300, 50)
    assert (found.churned, found.given_back) == (200, 100)
    assert (found.customers_at_start, found.customers_lost) == (100, 2)
    assert found.gross_churn == 0.025
    assert found.net_churn == pytest.approx(-0.0149)
    assert found.logo_churn == 0.02


def test_of_nothing_there_is_no_churn():
    found = movements({}, {1: 5}, known_before=set(), given_back=set())

    assert (found.gross_churn, found.net_churn, found.logo_churn) == (None, None, None)


WORTHS = st.dictionaries(st.integers(0, 20), st.integers(0, 10_000))
SOME = st.sets(st.integers(0, 20))


@given(start=WORTHS, end=WORTHS, known=SOME, back=SOME)
def test_start_and_movements_are_always_the_end(start, end, known, back):
    """Scenario 27, the identity: to the cent, whatever happened."""
    found = movements(start, end, known_before=known, given_back=back)

    gained = found.new + found.reactivation + found.expansion
    lost = found.churned + found.contraction + found.given_back
    assert found.start + gained - lost == found.end


@given(st.lists(st.integers(-100, 10_000), max_size=20))
def test_bars_stay_in_their_chart(values: list[int]):
    for bar in bars([("Jan", value, str(value)) for value in values]):
        assert bar.y >= 0
        assert 0 <= bar.height <= HEIGHT


# --- of our rows -------------------------------------------------------------------------------

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def subscribe(db: None):
    """Make a subscription: price, quantity, and any field."""
    call_command("demo_catalog", verbosity=0)
    prices = {price.lookup_key: price for price in Price.objects.select_related("tier")}

    def make(lookup_key: str, quantity: int = 1, customer=None, **fields) -> Subscription:
        price = prices[lookup_key]
        customer = customer or make_customer()
        number = Subscription.objects.count()
        license = make_license(customer=customer, tier=price.tier, source=f"stripe:{number}")
        fields = {"status": "active", "license": license, **fields}
        return Subscription.objects.create(
            stripe_id=f"sub_{number}",
            customer=customer,
            price=price,
            quantity=quantity,
            current_period_end=timezone.now(),
            created_at=timezone.now(),
            **fields,
        )

    return make


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({}, True),
        ({"status": "past_due", "past_due_since": NOON - timedelta(days=20)}, True),
        ({"status": "past_due", "past_due_since": NOON - timedelta(days=22)}, False),
        ({"cancel_at": NOON + timedelta(days=9)}, True),
        ({"status": "canceled"}, False),
        ({"status": "unpaid"}, False),
        ({"status": "trialing"}, False),
        ({"license": None}, False),  # not paid for yet
    ],
)
def test_what_counts(subscribe, fields, counts: bool):
    subscribe("pro_monthly", **fields)

    assert [line.cents for line in arr_lines(NOON)] == ([9900 * 12] if counts else [])


def test_a_customer_of_two_subscriptions_is_one(subscribe):
    customer = make_customer()
    first = subscribe("pro_yearly", customer=customer)
    subscribe("enterprise_monthly", 2, customer=customer)

    lines = arr_lines(NOON)

    assert by_customer(lines) == {customer.pk: sum(line.cents for line in lines)}
    assert {line.subscription.pk: line.cents for line in lines}[first.pk] == first.total_cents


def test_a_day_is_kept_once_and_only_what_changed(subscribe, time_machine):
    time_machine.move_to(NOON)
    one, other = subscribe("pro_monthly"), subscribe("pro_monthly")
    assert [keep_metrics(NOON), keep_metrics(NOON + timedelta(hours=3))] == [1, 0]

    Subscription.objects.filter(pk=one.pk).update(status="canceled")
    assert differences(NOON) == {one.customer_id: (9900 * 12, 0)}
    assert keep_metrics(NOON + timedelta(days=1)) == 1

    assert ArrChange.objects.count() == 3
    assert list(DailyMetric.objects.values_list("customers", flat=True)) == [1, 2]
    assert kept_on(NOON.date()) == {one.customer_id: 118_800, other.customer_id: 118_800}
    assert kept_on(NOON.date() + timedelta(days=5)) == {other.customer_id: 118_800}
    assert differences(NOON) == {}


def test_a_night_that_crashed_before_any_write_is_kept_whole_by_the_next_look(subscribe):
    subscribe("pro_monthly")
    subscribe("pro_monthly")

    def nothing_is_kept() -> None:
        assert not DailyMetric.objects.exists()
        assert not ArrChange.objects.exists()

    crashes = crashes_in_turn(lambda: keep_metrics(NOON), nothing_is_kept)

    assert crashes == 3
    assert LedgerEntry.objects.count() == 2
    assert (DailyMetric.objects.count(), ArrChange.objects.count()) == (1, 2)


def test_who_comes_back_is_reactivated(subscribe):
    one = subscribe("pro_monthly")
    for day, status in enumerate(["active", "canceled", "canceled", "active"]):
        Subscription.objects.filter(pk=one.pk).update(status=status)
        keep_metrics(NOON + timedelta(days=day))
    first = NOON.date()

    lost = movements_between(first, first + timedelta(days=1))
    back = movements_between(first + timedelta(days=1), first + timedelta(days=3))

    assert (lost.churned, lost.customers_lost, lost.end) == (118_800, 1, 0)
    assert (back.reactivation, back.new, back.end) == (118_800, 0, 118_800)
