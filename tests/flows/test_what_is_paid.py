"""Which of the paid invoices says what a license is, and until when."""

from typing import Any

from django.core import mail
from django.test import Client

from billing.models import OwnerNotice, Payment, Subscription
from licenses.models import License, User
from tests.cards import FAILS_AT_RENEWAL
from tests.flows.books import books_agree, pages
from tests.flows.changing import change
from tests.shop import Buyer, Shop


def bought(shop: Shop, lookup_key: str, quantity: int = 1, **options: Any) -> Subscription:
    Buyer(shop).buy(lookup_key, quantity, **options)
    shop.settle()
    return Subscription.objects.get()


def at_stripe(shop: Shop, subscription: Subscription, **fields: object) -> None:
    """Change the one item, as in the Dashboard."""
    path = f"/v1/subscriptions/{subscription.stripe_id}"
    item = shop.ask_stripe("GET", path)["items"]["data"][0]
    behavior = fields.pop("proration_behavior", "none")
    form = "".join(f"&items[0][{name}]={value}" for name, value in fields.items())
    shop.ask_stripe("POST", path, f"items[0][id]={item['id']}{form}&proration_behavior={behavior}")


def add_card(shop: Shop) -> str:
    customer = shop.ask_stripe("GET", "/v1/customers?limit=1")["data"][0]["id"]
    path = "/v1/payment_methods/pm_card_visa/attach"
    return str(shop.ask_stripe("POST", path, f"customer={customer}")["id"])


def test_an_older_invoice_paid_after_a_newer_one_shortens_nothing(shop: Shop):
    shop.standin.control("POST", "webhooks", {"mode": "hold", "retries_exhausted": "unpaid"})
    bought(shop, "pro_monthly", card=FAILS_AT_RENEWAL)
    shop.advance(days=31, hours=3)
    shop.settle()
    for _ in range(7):
        shop.advance(days=5)
        shop.settle()
    newer, older, _ = pages(shop, "/v1/invoices")
    card = add_card(shop)
    shop.ask_stripe("POST", f"/v1/invoices/{newer['id']}/finalize")
    shop.ask_stripe("POST", f"/v1/invoices/{newer['id']}/pay", f"payment_method={card}")
    shop.settle()
    before = License.objects.get()
    assert before.paid_through == Subscription.objects.get().current_period_end

    shop.advance(hours=1)
    shop.ask_stripe("POST", f"/v1/invoices/{older['id']}/pay", f"payment_method={card}")
    shop.settle()

    after = License.objects.get()
    assert (after.paid_through, after.rev) == (before.paid_through, before.rev)
    assert Payment.objects.count() == 3
    assert not shop.night().drift
    books_agree(shop)


def test_a_renewal_of_more_than_ten_lines_renews(shop: Shop):
    """Stripe shows ten lines in an invoice, those of changes in mid-period first."""
    subscription = bought(shop, "enterprise_monthly", 2)
    for quantity in range(3, 9):
        shop.advance(days=1)
        at_stripe(shop, subscription, quantity=quantity, proration_behavior="create_prorations")
        shop.settle()
    shop.advance(days=31)
    shop.settle()

    renewal = pages(shop, "/v1/invoices")[0]
    assert (len(renewal["lines"]["data"]), renewal["lines"]["has_more"]) == (10, True)
    license = License.objects.get()
    assert license.threads == 800
    assert license.paid_through == Subscription.objects.get().current_period_end
    assert not shop.night().drift
    books_agree(shop)


def test_a_month_that_becomes_a_year_is_mailed_once(shop: Shop):
    subscription = bought(shop, "pro_monthly")
    mail.outbox.clear()

    change(subscription, "pro_yearly")
    shop.settle()
    shop.advance(days=3)
    shop.settle()

    (sent,) = mail.outbox
    assert sent.subject == "You have Hare Pro now"
    end = License.objects.get().paid_through
    assert "paid per year" in sent.body
    assert f"until {end.day} {end:%B %Y}" in sent.body


def test_a_renewal_is_no_other_interval(shop: Shop):
    bought(shop, "pro_monthly")
    mail.outbox.clear()

    shop.advance(days=65)
    shop.settle()

    assert Payment.objects.count() == 3
    assert mail.outbox == []


def test_none_of_it_is_served_as_long_as_it_was_paid(shop: Shop):
    """The owner sets the quantity to 0: Stripe goes on with invoices of nothing."""
    subscription = bought(shop, "enterprise_monthly", 2)
    end = License.objects.get().paid_through
    at_stripe(shop, subscription, quantity=0)
    shop.settle()
    license = License.objects.get()
    assert (license.status, license.threads) == (License.Status.ACTIVE, 200)
    assert OwnerNotice.objects.get(needs_him=True).text.count("quantity is 0") == 1
    client = Client()
    client.force_login(User.objects.get(email="dev@company.example"))
    assert client.get("/account/").status_code == 200

    shop.advance(days=40)
    shop.settle()

    license = License.objects.get()
    assert (license.status, license.paid_through) == (License.Status.LAPSED, end)
    assert not shop.night().drift


def test_a_price_that_is_not_of_the_catalog_is_told_and_its_end_ends_the_license(shop: Shop):
    subscription = bought(shop, "pro_monthly")
    before = License.objects.get()
    form = "product=hare_pro&currency=usd&unit_amount=5000&recurring[interval]=month"
    price = shop.ask_stripe("POST", "/v1/prices", form)["id"]
    at_stripe(shop, subscription, price=price)
    shop.settle()
    shop.advance(days=35)
    shop.settle()
    assert Payment.objects.latest("paid_at").amount_cents == 5000
    license = License.objects.get()
    assert (license.status, license.rev) == (License.Status.ACTIVE, before.rev)
    row = Subscription.objects.get()
    assert (row.price.lookup_key, row.quantity) == ("pro_monthly", 1)
    notice = OwnerNotice.objects.get(needs_him=True)
    assert price in notice.text
    report = shop.night()
    assert (report.drift, report.needs_him) == ({}, {})

    shop.ask_stripe("DELETE", f"/v1/subscriptions/{subscription.stripe_id}")
    shop.settle()

    assert License.objects.get().status == License.Status.LAPSED


def test_a_price_of_the_catalog_again_ends_the_matter(shop: Shop):
    subscription = bought(shop, "pro_monthly")
    own = subscription.stripe_price
    assert own is not None
    form = "product=hare_pro&currency=usd&unit_amount=5000&recurring[interval]=month"
    at_stripe(shop, subscription, price=shop.ask_stripe("POST", "/v1/prices", form)["id"])
    shop.settle()

    at_stripe(shop, subscription, price=own.stripe_id)
    shop.settle()

    assert OwnerNotice.objects.get(needs_him=True).closed_at is not None
    shop.advance(days=32)
    shop.settle()
    assert License.objects.get().rev == 2
    books_agree(shop)
