"""A year in which everything happens that may move the ARR: the figures add up each month."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from billing.models import LedgerEntry, Payment, Price, Subscription
from licenses.models import Contact, Product, Tier, User
from portal.figures.arr import arr_lines, by_customer
from portal.figures.history import movements_by_month, moves_of
from portal.figures.movements import Kind
from portal.figures.past import (
    BEFORE,
    UNEXPLAINED,
    only_given_up,
    read_ledger,
    recompute,
    worth_by_product,
)
from portal.figures.renewals import Outcome, terms_over
from portal.models import ArrChange
from tests.cards import FAILS_AT_RENEWAL, OTHER_GOOD
from tests.make import make_license
from tests.shop import Buyer, Shop


class Year:
    """Buyers by a short name, and what they and others do."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def buys(self, name: str, price: str, quantity: int = 1, **options: Any) -> None:
        self.shop.advance(minutes=1)  # Stripe's times are whole seconds: not in a snapshot's own
        buyer = Buyer(self.shop, email=f"{name}@{name}.example")
        if user := User.objects.filter(email=buyer.email).first():
            buyer.client.force_login(user)
        buyer.buy(price, quantity, **options)
        self.shop.settle()

    def row(self, name: str, price: str = "") -> Subscription:
        rows = Subscription.objects.filter(customer__contacts__email=f"{name}@{name}.example")
        return (rows.filter(price__lookup_key=price) if price else rows).latest("pk")

    def presses(self, name: str, deed: str, price: str = "") -> None:
        row = self.row(name, price)
        self.client(name).post(f"/account/subscriptions/{row.pk}/{deed}/")
        self.shop.settle()

    def changes(self, name: str, price: str, quantity: int = 1) -> None:
        path = f"/account/subscriptions/{self.row(name).pk}/change/"
        page = self.client(name).get(path, {"price": price, "quantity": quantity})
        sealed = re.search(r'name="change" value="([^"]+)"', page.content.decode())
        assert sealed, page.status_code
        self.client(name).post(path, {"change": sealed[1]})
        self.shop.settle()

    def client(self, name: str) -> Client:
        client = Client()
        client.force_login(User.objects.get(email=f"{name}@{name}.example"))
        return client

    def pays_what_is_open(self, name: str) -> None:
        remote = self.shop.ask_stripe("GET", f"/v1/subscriptions/{self.row(name).stripe_id}")
        card = "/v1/payment_methods/pm_card_visa/attach"
        method = self.shop.ask_stripe("POST", card, f"customer={remote['customer']}")["id"]
        invoice = remote["latest_invoice"]
        self.shop.ask_stripe("POST", f"/v1/invoices/{invoice}/pay", f"payment_method={method}")
        path = f"/v1/subscriptions/{self.row(name).stripe_id}"
        self.shop.ask_stripe("POST", path, f"default_payment_method={method}")
        self.shop.settle()

    def is_refunded(self, name: str, cents: int | None = None) -> None:
        payment = Payment.objects.filter(subscription=self.row(name)).latest("paid_at")
        amount = f"&amount={cents}" if cents else ""
        form = f"payment_intent={payment.stripe_id}{amount}"
        self.shop.ask_stripe("POST", "/v1/refunds", form)
        self.shop.settle()

    def disputes_and_wins(self, name: str) -> None:
        payment = Payment.objects.filter(subscription=self.row(name)).latest("paid_at")
        intent = {"payment_intent": payment.stripe_id, "status": "needs_response"}
        row = self.shop.standin.control("POST", "disputes", intent)
        self.shop.settle()
        self.shop.standin.control("POST", f"disputes/{row['id']}", {"outcome": "lost"})
        self.shop.settle()

    def until(self, day: int, start: datetime) -> None:
        """Work through a night every other week, until so many days after the start."""
        while (left := start + timedelta(days=day) - timezone.now()) > timedelta(hours=1):
            self.shop.advance(seconds=min(left, timedelta(days=14)).total_seconds())
            self.shop.settle()
        self.shop.advance(minutes=2)  # what is done now is after the night's snapshot


def sell_toad() -> None:
    """A second product."""
    product = Product.objects.create(slug="toad", name="Toad")
    tier = Tier.objects.create(product=product, slug="pro", name="Pro")
    Price.objects.create(tier=tier, lookup_key="toad", interval="month", unit_amount_cents=5000)
    call_command("sync_catalog")


def raise_price() -> None:
    Price.objects.filter(lookup_key="pro_monthly").update(unit_amount_cents=12900)
    call_command("sync_catalog")


def give_up_toad() -> None:
    Product.objects.filter(slug="toad").update(status=Product.Status.CLOSING)


def script(year: Year) -> dict[int, list[Callable[[], object]]]:
    """What happens on which day."""
    return {
        0: [
            lambda: year.buys("switcher", "pro_yearly"),
            lambda: year.buys("grower", "pro_monthly"),
            lambda: year.buys("recovers", "pro_monthly", card=FAILS_AT_RENEWAL),
            lambda: year.buys("never-pays", "pro_monthly", card=FAILS_AT_RENEWAL),
            lambda: year.buys("quitter", "pro_monthly"),
            lambda: year.buys("doubter", "pro_monthly"),
            lambda: year.buys("old-price", "pro_monthly"),
            lambda: year.buys("gave-up", "toad"),
            lambda: make_license(source="owner:gift-1"),
        ],
        3: [
            lambda: year.presses("doubter", "cancel"),
            lambda: year.buys("sorry", "pro_monthly", card=OTHER_GOOD),
        ],
        5: [lambda: year.presses("doubter", "resume")],
        10: [lambda: year.presses("quitter", "cancel"), lambda: year.presses("sorry", "refund")],
        20: [lambda: year.changes("grower", "enterprise_monthly", 6)],
        34: [lambda: year.pays_what_is_open("recovers")],
        40: [raise_price],
        60: [lambda: year.is_refunded("old-price", 1000)],
        80: [lambda: year.buys("both", "pro_monthly"), lambda: year.buys("both", "toad")],
        100: [
            lambda: year.changes("grower", "enterprise_monthly", 2),
            lambda: year.buys("disputer", "pro_monthly"),
            lambda: year.buys("unhappy", "enterprise_monthly", 1),
        ],
        110: [lambda: year.buys("quitter", "pro_monthly")],
        120: [lambda: year.disputes_and_wins("disputer")],
        140: [lambda: year.is_refunded("unhappy"), lambda: year.presses("both", "cancel", "toad")],
        150: [lambda: year.changes("switcher", "pro_monthly")],
        200: [give_up_toad, lambda: year.presses("gave-up", "cancel")],
        370: [lambda: year.presses("both", "cancel", "pro_monthly")],
        410: [],
    }


# (from, to), by days as above: who moved in between, and how. Whoever is not named did not move.
MOVED: dict[tuple[int, int], dict[str, Kind]] = {
    (3, 5): {"sorry": Kind.NEW},
    (5, 10): {},
    (10, 20): {"sorry": Kind.GIVEN_BACK},
    (20, 60): {
        "grower": Kind.EXPANSION,
        "quitter": Kind.CHURNED,
        "never-pays": Kind.CHURNED,
    },
    (60, 80): {},  # a partial refund, and a price that is only for new buyers
    (80, 100): {"both": Kind.NEW},
    (110, 140): {
        "quitter": Kind.REACTIVATION,
        "grower": Kind.CONTRACTION,
        "disputer": Kind.CHURNED,
    },
    (140, 200): {"unhappy": Kind.CHURNED, "both": Kind.CONTRACTION},
    (200, 370): {"gave-up": Kind.RETIRED, "switcher": Kind.EXPANSION},
    (370, 410): {"both": Kind.CHURNED},
}


def test_every_month_of_a_year_adds_up_and_is_found_again_in_the_ledger(shop: Shop):
    """Scenarios 27 and 28."""
    sell_toad()
    start, year = timezone.now(), Year(shop)
    for day, deeds in script(year).items():
        year.until(day, start)
        for deed in deeds:
            deed()
        products_sum_to_the_arr()

    given_up = only_given_up(read_ledger(timezone.now()))
    names = {row.customer_id: row.email.split("@")[0] for row in Contact.objects.all()}
    for (first, last), expected in MOVED.items():
        days = (start + timedelta(days=one) for one in (first, last))
        moves = moves_of(*(day.date() for day in days), given_up=given_up)
        found = {names[one.customer_id]: one.kind for one in moves if one.before != one.after}
        assert found == expected, (first, last)
    months_join(timezone.now())
    assert recompute(start.date(), timezone.now().date()) == []
    terms = terms_over(read_ledger(timezone.now()), timezone.now())
    assert [(term.cents, term.outcome) for term in terms] == [(99500, Outcome.RENEWED)]


def products_sum_to_the_arr() -> None:
    at = timezone.now()
    products = worth_by_product(read_ledger(at), at).values()
    now = by_customer(arr_lines(at))
    assert sum(sum(one.values()) for one in products) == sum(now.values())


def months_join(at: datetime) -> None:
    """Start and movements are the end, which is the next month's start."""
    months = movements_by_month(at, by_customer(arr_lines(at)), number=15)
    assert months[0][1].start == 0
    for (_, before), (_, after) in pairwise(months):
        assert before.end == after.start
    for _, one in months:
        gained = one.new + one.reactivation + one.expansion
        lost = one.contraction + one.churned + one.retired + one.given_back
        assert one.start + gained - lost == one.end
    assert months[-1][1].end == sum(line.cents for line in arr_lines(at))


def test_a_night_that_did_not_know_is_listed_with_the_moment_when_we_heard(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    shop.advance(days=1)
    shop.work()
    row = Subscription.objects.get()
    shop.advance(minutes=1)  # Stripe's times are whole seconds
    shop.ask_stripe("DELETE", f"/v1/subscriptions/{row.stripe_id}")

    shop.advance(days=1)
    shop.work()  # the webhook is not here yet
    shop.advance(hours=5)
    shop.settle()

    found = recompute(timezone.now().date() - timedelta(days=9), timezone.now().date())
    assert [(one.kept, one.computed) for one in found] == [(118_800, 0)]
    heard = LedgerEntry.objects.latest("at").heard_at
    assert found[0].cause == f"we heard of it on {heard:%Y-%m-%d %H:%M}"


def test_a_snapshot_that_was_changed_by_hand_is_found(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    shop.advance(days=1)
    shop.work()

    ArrChange.objects.update(arr_cents=1)

    found = recompute(timezone.now().date(), timezone.now().date())
    assert [(one.kept, one.computed, one.cause) for one in found] == [(1, 118_800, UNEXPLAINED)]


def test_what_runs_since_before_there_was_a_ledger_is_no_difference(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    first = timezone.now().date()
    LedgerEntry.objects.all().delete()
    shop.advance(days=1)
    shop.work()

    found = recompute(first, timezone.now().date())

    assert {one.cause for one in found} <= {BEFORE}
    assert LedgerEntry.objects.get().at.date() == timezone.now().date()
