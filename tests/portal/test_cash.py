"""Cash by month, quarter and year, forever; and the goal beside it. Rows by hand."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from billing.models import Dispute, Refund
from portal.dashboard_cash import goal_sentence
from portal.figures.cash import Span, all_months, months_of, quarters_of, years_of
from tests.portal.money import make_payment, make_subscription
from tests.portal.reading import text_of

AT = datetime(2026, 5, 20, tzinfo=UTC)


@pytest.fixture
def sold(catalog) -> None:
    """Four purchases in two years, a renewal; one refunded in part, one lost to its bank."""
    row = make_subscription(catalog["pro_yearly"])
    first = make_payment(row, 99_500, datetime(2024, 11, 3, tzinfo=UTC))
    make_payment(row, 99_500, datetime(2024, 12, 31, 23, 59, tzinfo=UTC))
    other = make_payment(row, 50_000, datetime(2026, 1, 1, tzinfo=UTC))
    make_payment(row, 20_000, datetime(2026, 4, 1, tzinfo=UTC))
    renewal = make_payment(row, 99_500, datetime(2026, 5, 1, tzinfo=UTC))
    renewal.billing_reason = "subscription_cycle"
    renewal.save()
    Refund.objects.create(
        stripe_id="re_1", payment=first, amount_cents=9_950, status="succeeded",
        created_at=datetime(2026, 1, 9, tzinfo=UTC),
    )  # fmt: skip
    Dispute.objects.create(
        stripe_id="du_1", payment=other, amount_cents=50_000, status="lost", reason="fraudulent",
        created_at=datetime(2026, 2, 2, tzinfo=UTC),
    )  # fmt: skip


def test_months_add_up_to_quarters_and_years_to_the_cent(sold, django_assert_num_queries):
    with django_assert_num_queries(1):
        months = all_months(AT)

    assert [one.first_day.isoformat()[:7] for one in (months[0], months[-1])] == [
        "2024-11",
        "2026-05",
    ]
    nets = {one.first_day.isoformat()[:7]: one.net for one in quarters_of(months) if one.net}
    assert nets == {"2024-10": 199_000, "2026-01": -9_950, "2026-04": 119_500}
    years = years_of(months)
    assert [(one.first_day.year, one.net) for one in years] == [
        (2024, 199_000),
        (2025, 0),
        (2026, 109_550),
    ]
    assert sum(one.net for one in months) == sum(one.net for one in years)
    assert len(months_of(AT, 30)) == 30


def test_rates_are_of_the_purchases_of_a_span_whenever_the_money_went_back(sold):
    bought, *_, now = years_of(all_months(AT))

    assert (bought.purchases, bought.refund_rate, bought.dispute_rate) == (2, 0.5, 0)
    assert bought.refund_rate_of_money == 0.05
    assert (now.purchases, now.refund_rate, now.dispute_rate) == (2, 0, 0.5)


def test_the_page_of_cash_shows_every_month_and_the_dashboard_leads_to_each_sum(
    owner: Client, sold, time_machine
):
    time_machine.move_to(AT)

    shown = text_of(owner, "/owner/business/cash/")
    dashboard = owner.get("/owner/business/").content.decode()

    assert "2024-11 $995 $0 $0 $995 1 100.0% 10.0% 0.0%" in shown
    assert "2024-Q4 $1,990 $0 $0 $1,990 2 50.0% 5.0% 0.0%" in shown
    assert "All of 2026 $1,695 $99.50 $500 $1,095.50 2 0.0% 0.0% 50.0%" in shown
    page = owner.get("/owner/business/cash/").content.decode()
    for anchor in ("2024", "2024-Q4", "2026-Q2"):
        assert f'href="/owner/business/cash/#{anchor}"' in dashboard
        assert f'id="{anchor}"' in page


def test_the_goal_is_a_line_on_the_chart_and_a_sentence(
    owner: Client, sold, time_machine, settings
):
    time_machine.move_to(AT)
    assert "<line" not in owner.get("/owner/business/").content.decode()

    settings.MONTHLY_GOAL = 995

    assert 'y1="0.0"' in owner.get("/owner/business/").content.decode()  # as high as the best month
    said = "The goal is $995 a month (MONTHLY_GOAL); the last 12 full months brought 1% of it."
    assert f"{said} It was reached twice, first in 2024-11." in text_of(owner)


@pytest.mark.parametrize(
    ("nets", "said"),
    [
        ([], "no month is full yet"),
        ([500], "the last full month brought 50% of it. It was never reached."),
        ([1000, 500], "the last 2 full months brought 75% of it. It was reached once"),
    ],
)
def test_the_goal_is_said_of_a_young_shop_too(nets: list[int], said: str):
    months = [Span(AT.date(), received=cents) for cents in nets]

    assert said in goal_sentence(months, 1000)
