"""The owner's one screen, on what really was bought."""

import csv
from datetime import timedelta
from io import StringIO

from django.test import Client
from django.utils import timezone

from billing.models import OwnerNotice, Payment, Price, Refund, Subscription
from portal.figures.history import keep_metrics
from tests.cards import OTHER_GOOD
from tests.portal.money import make_payment, make_subscription
from tests.portal.reading import text_of
from tests.shop import Buyer, Shop


def test_an_empty_shop_has_a_dashboard(owner: Client):
    shown = text_of(owner)

    assert "ARR $0" in shown
    assert "Needs you Nothing." in shown
    assert "Paid, and never installed Nobody." in shown


def test_what_was_bought_and_given_back_adds_up(owner: Client, shop: Shop):
    Buyer(shop).buy("pro_monthly")
    Buyer(shop, email="big@company.example").buy("enterprise_monthly", 2, card=OTHER_GOOD)
    shop.settle()
    small = Payment.objects.get(amount_cents=9900)
    shop.ask_stripe("POST", "/v1/refunds", f"payment_intent={small.stripe_id}&amount=900")
    shop.settle()

    shown = text_of(owner)
    total = sum(one.total_cents * 12 for one in Subscription.objects.all()) / 100
    received = sum(one.amount_cents for one in Payment.objects.all()) / 100
    assert f"ARR ${total:,.0f}" in shown
    assert f"{timezone.now():%Y-%m} ${received:,.0f} $9 $0 ${received - 9:,.0f} 2 50.0%" in shown
    rows = text_of(owner, "/owner/business/arr/")
    assert f"Sum ${total:,.0f}" in rows
    assert all(one.stripe_id in rows for one in Subscription.objects.all())


def test_a_months_csv_sums_to_what_came_in(owner: Client, shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    customer = Subscription.objects.get().customer
    customer.name = "=1+1"
    customer.save()
    shop.ask_stripe("POST", "/v1/refunds", f"payment_intent={Payment.objects.get().stripe_id}")
    shop.settle()

    now = timezone.now()
    answer = owner.get(f"/owner/business/{now.year}-{now.month}.csv")
    rows = list(csv.DictReader(StringIO(answer.content.decode())))

    assert [(row["what"], row["amount"]) for row in rows] == [
        ("payment", "99.00"),
        ("refund", "-99.00"),
    ]
    assert {row["customer"] for row in rows} == {"'=1+1"}
    assert owner.get("/owner/business/2026-13.csv").status_code == 404


def test_a_lost_dispute_stands_in_the_csv_and_in_the_net(owner: Client, shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    intent = {"payment_intent": Payment.objects.get().stripe_id}
    dispute = shop.standin.control("POST", "disputes", intent)
    shop.settle()
    shop.standin.control("POST", f"disputes/{dispute['id']}", {"outcome": "lost"})
    shop.settle()

    now = timezone.now()
    answer = owner.get(f"/owner/business/{now.year}-{now.month}.csv")
    rows = list(csv.DictReader(StringIO(answer.content.decode())))

    assert {row["what"]: row["amount"] for row in rows} == {
        "payment": "99.00",
        "dispute lost": "-99.00",
    }
    assert f"{now:%Y-%m} $99 $0 $99 $0 1" in text_of(owner)


def test_what_was_sold_in_another_currency_is_named_and_not_counted(
    owner: Client, catalog: dict[str, Price]
):
    price = catalog["pro_yearly"]
    euros = Price.objects.create(
        tier=price.tier, lookup_key="euros", interval="year", currency="eur",
        unit_amount_cents=90_000,
    )  # fmt: skip
    make_subscription(price)
    assert "in US dollars. How much stays" in text_of(owner)

    make_subscription(euros)

    shown = text_of(owner)
    assert "counted in none of them: 900 EUR a year of 1 subscription." in shown
    assert "ARR $995 " in shown


def test_who_paid_and_never_installed_is_named_after_two_days(owner: Client, shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    assert "never installed Nobody." in text_of(owner)

    shop.advance(days=3)

    name = str(Subscription.objects.get().customer)
    assert f"never installed {name}" in text_of(owner)


def test_what_needs_the_owner_stands_first(owner: Client):
    OwnerNotice.objects.create(
        key="x", text="Answer the dispute.", needs_him=True, created_at=timezone.now()
    )

    assert "Answer the dispute." in text_of(owner).split("What it is worth")[0]


def test_the_months_movements_end_at_todays_arr(owner: Client, shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    keep_metrics(timezone.now() - timedelta(days=40))
    Buyer(shop, email="two@company.example").buy("pro_monthly", card=OTHER_GOOD)
    shop.settle()

    shown = text_of(owner)

    month = f"{timezone.now():%Y-%m}"
    assert f"{month} $1,188 $1,188 $0 $0 $0 $0 $0 $0 $2,376" in shown
    path = f"/owner/business/moved/{timezone.now().year}-{timezone.now().month}/"
    assert "new $0 $1,188 $1,188 Sum $1,188" in text_of(owner, path)


def test_the_largest_customer_is_seen_in_what_he_is_worth_and_in_what_he_paid(
    owner: Client, catalog: dict[str, Price]
):
    keep_metrics(timezone.now() - timedelta(days=1))
    small = [make_subscription(catalog["pro_yearly"]) for _ in range(3)]
    second = make_subscription(catalog["pro_yearly"])
    Subscription.objects.filter(pk=second.pk).update(customer=small[0].customer)
    now = timezone.now()
    make_payment(small[0], 300_000, now - timedelta(days=2))
    make_payment(small[1], 90_000, now - timedelta(days=364))
    make_payment(small[2], 500_000, now - timedelta(days=366))
    Refund.objects.create(
        stripe_id="re_1", payment=Payment.objects.get(amount_cents=300_000), amount_cents=90_000,
        status="succeeded", created_at=now - timedelta(days=1),
    )  # fmt: skip

    rows = text_of(owner, "/owner/business/customers/")

    first, other, third = (str(one.customer) for one in small)
    assert f"{first} $2,100 70.0% 50.0% $1,990" in rows
    assert f"{other} $900 30.0% 25.0% $995" in rows
    assert f"{third} $0 - 25.0% $995" in rows
    assert "Sum $3,980" in rows
    assert "Of the ARR: the largest has 50.00%" in rows
    assert "Of $3,000 of cash: the largest has 70.00%" in rows
    shown = text_of(owner)
    assert "Largest 50.00% His share of the ARR. ARR would be $1,990 without him" in shown
    assert "the new of 0.5 average months would make up for it." in shown


def test_it_costs_the_same_number_of_queries_for_many(
    owner: Client, shop: Shop, django_assert_max_num_queries
):
    for number in range(3):
        Buyer(shop, email=f"b{number}@company.example").buy("pro_monthly")
    shop.settle()

    owner.get("/owner/business/")
    with django_assert_max_num_queries(12):
        owner.get("/owner/business/")
