"""A customer changes his subscription on his account: the amount shown is the amount billed."""

import re
from datetime import timedelta
from io import StringIO
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from billing.models import Payment, Price, Subscription
from licenses.models import License, Tier, User
from tests.flows.books import books_agree, pages
from tests.shop import Buyer, Shop
from tests.standin.process import FORM

FAILS_LATER = "4000000000000341"  # pays at the checkout, is refused afterwards


def subscribed(shop: Shop, lookup_key: str, quantity: int = 1, **options: Any) -> Subscription:
    Buyer(shop).buy(lookup_key, quantity, **options)
    shop.settle()
    return Subscription.objects.get()


def customer() -> Client:
    client = Client()
    client.force_login(User.objects.get(email="dev@company.example"))
    return client


def preview(subscription: Subscription, lookup_key: str, quantity: int = 1) -> str:
    response = customer().get(
        f"/account/subscriptions/{subscription.pk}/change/",
        {"price": lookup_key, "quantity": quantity},
    )
    assert response.status_code == 200, response["Location"]
    return response.content.decode()


def refused(subscription: Subscription, lookup_key: str, quantity: int = 1) -> str:
    """The account page, which says why the change is not even shown."""
    response = customer().get(
        f"/account/subscriptions/{subscription.pk}/change/",
        {"price": lookup_key, "quantity": quantity},
        follow=True,
    )
    assert response.redirect_chain
    return response.content.decode()


def confirm(subscription: Subscription, page: str) -> str:
    sealed = re.search(r'name="change" value="([^"]+)"', page)
    assert sealed
    response = customer().post(
        f"/account/subscriptions/{subscription.pk}/change/", {"change": sealed[1]}, follow=True
    )
    return response.content.decode()


def change(subscription: Subscription, lookup_key: str, quantity: int = 1) -> str:
    return confirm(subscription, preview(subscription, lookup_key, quantity))


def shown_cents(page: str) -> int:
    found = re.search(r'id="amount">\$([\d,]+)(?:\.(\d\d))?<', page)
    assert found
    return int(found[1].replace(",", "")) * 100 + int(found[2] or 0)


def act(subscription: Subscription, verb: str) -> None:
    customer().post(f"/account/subscriptions/{subscription.pk}/{verb}/")


def set_block_price(lookup_key: str, cents: int) -> None:
    """A new amount for new buyers; who has the old one keeps it."""
    Price.objects.filter(lookup_key=lookup_key).update(volume_tiers=[[None, cents]])
    call_command("sync_catalog", stdout=StringIO())


def license() -> License:
    return License.objects.get()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("enterprise_monthly", 2), ("enterprise_monthly", 7)),
        (("enterprise_monthly", 4), ("enterprise_monthly", 5)),
        (("pro_monthly", 1), ("enterprise_monthly", 3)),
        (("pro_monthly", 1), ("pro_yearly", 1)),
        (("enterprise_monthly", 1), ("enterprise_yearly", 2)),
    ],
)
def test_the_amount_that_is_shown_is_billed_to_the_cent(shop: Shop, before, after):
    subscription = subscribed(shop, *before)
    shop.advance(days=11, hours=5)
    page = preview(subscription, *after)
    paid = Payment.objects.get().amount_cents

    confirm(subscription, page)
    shop.settle()

    amounts = list(Payment.objects.order_by("pk").values_list("amount_cents", flat=True))
    assert amounts == [paid, shown_cents(page)]
    assert license().tier.slug == after[0].split("_")[0]
    assert license().threads == (None if "pro" in after[0] else after[1] * 100)
    books_agree(shop)


def test_pro_to_enterprise_is_one_subscription_and_one_license(shop: Shop):
    subscription = subscribed(shop, "pro_monthly")
    before = license()

    change(subscription, "enterprise_monthly", 2)
    shop.settle()

    assert Subscription.objects.count() == License.objects.count() == 1
    assert license().rev > before.rev
    assert [event.name for event in license().events.all()] == ["changed", "issued"]


def test_an_upgrade_whose_card_fails_changes_nothing(shop: Shop):
    subscription = subscribed(shop, "pro_monthly", card=FAILS_LATER)
    before = license()

    said = change(subscription, "enterprise_monthly", 2)
    shop.settle()

    assert "Your card was not charged yet; finish the payment below" in said
    after = license()
    assert (after.tier, after.threads, after.rev) == (before.tier, before.threads, before.rev)
    assert Payment.objects.count() == 1
    shop.advance(days=2)
    shop.settle()
    assert license().tier.slug == "pro"
    subscription.refresh_from_db()
    assert subscription.price.lookup_key == "pro_monthly"
    assert not subscription.has_pending_update
    books_agree(shop)


def planned_at_stripe(shop: Shop, subscription: Subscription, quantity: int) -> None:
    """A change that is planned in the Dashboard; the webhook that told of it is lost."""
    schedules = "/v1/subscription_schedules"
    made = shop.ask_stripe("POST", schedules, f"from_subscription={subscription.stripe_id}")
    [phase] = made["phases"]
    price = phase["items"][0]["price"]
    shop.ask_stripe(
        "POST",
        f"{schedules}/{made['id']}",
        f"end_behavior=release&phases[0][items][0][price]={price}"
        f"&phases[0][items][0][quantity]={phase['items'][0]['quantity']}"
        f"&phases[0][start_date]={phase['start_date']}&phases[0][end_date]={phase['end_date']}"
        f"&phases[1][items][0][price]={price}&phases[1][items][0][quantity]={quantity}"
        "&phases[1][duration][interval]=month&phases[1][duration][interval_count]=1",
    )
    shop.take()


def test_an_upgrade_waits_until_a_planned_change_is_undone(shop: Shop):
    """Else a card that fails would have undone it: nobody may lose it by trying."""
    subscription = subscribed(shop, "enterprise_monthly", 5, card=FAILS_LATER)
    change(subscription, "enterprise_monthly", 2)

    said = refused(subscription, "enterprise_monthly", 7)
    shop.settle()

    assert "another change is planned already; undo that first" in said
    subscription.refresh_from_db()
    assert (subscription.planned_quantity, subscription.has_pending_update) == (2, False)
    assert Payment.objects.count() == 1
    act(subscription, "keep")
    said = change(subscription, "enterprise_monthly", 7)
    assert "not charged yet" in said


def test_a_planned_change_that_we_did_not_hear_of_outlives_an_upgrade_too(shop: Shop):
    subscription = subscribed(shop, "enterprise_monthly", 5, card=FAILS_LATER)
    page = preview(subscription, "enterprise_monthly", 7)
    planned_at_stripe(shop, subscription, 2)

    said = confirm(subscription, page)

    assert "undo that first" in said
    assert "Undo the planned change" in said
    subscription.refresh_from_db()
    assert (subscription.planned_quantity, subscription.has_pending_update) == (2, False)


def test_pressing_confirm_twice_bills_once(shop: Shop):
    subscription = subscribed(shop, "enterprise_monthly", 1)
    page = preview(subscription, "enterprise_monthly", 3)

    confirm(subscription, page)
    again = confirm(subscription, page)
    shop.settle()

    assert "that is what you have" in again
    assert Payment.objects.count() == 2


def test_a_preview_cannot_be_edited_or_kept_for_later(shop: Shop):
    subscription = subscribed(shop, "enterprise_monthly", 1)
    page = preview(subscription, "enterprise_monthly", 3)
    forged = page.replace('name="change" value="', 'name="change" value="x')

    assert "the preview is too old" in confirm(subscription, forged)
    shop.advance(minutes=16)
    assert "the preview is too old" in confirm(subscription, page)
    assert Payment.objects.count() == 1


def test_a_preview_of_another_subscription_is_refused(shop: Shop):
    first = subscribed(shop, "enterprise_monthly", 1)
    page = preview(first, "enterprise_monthly", 3)
    Buyer(shop, email="other@company.example").buy("enterprise_monthly", 1)
    shop.settle()
    second = Subscription.objects.latest("pk")
    client = Client()
    client.force_login(User.objects.get(email="other@company.example"))
    sealed = re.search(r'name="change" value="([^"]+)"', page)
    assert sealed

    client.post(f"/account/subscriptions/{second.pk}/change/", {"change": sealed[1]})

    assert Payment.objects.count() == 2


def test_cancel_keeps_everything_until_the_date_and_resume_takes_it_back(shop: Shop):
    subscription = subscribed(shop, "pro_monthly")

    act(subscription, "cancel")
    subscription.refresh_from_db()
    assert subscription.cancel_at == subscription.current_period_end
    assert license().status == License.Status.ACTIVE

    act(subscription, "resume")
    shop.advance(days=33)
    shop.settle()

    subscription.refresh_from_db()
    assert subscription.cancel_at is None
    assert license().rev == 2  # renewed
    books_agree(shop)


def test_canceled_ends_at_the_date(shop: Shop):
    subscription = subscribed(shop, "pro_monthly")
    act(subscription, "cancel")

    shop.advance(days=33)
    shop.settle()

    assert license().status == License.Status.LAPSED
    assert Payment.objects.count() == 1
    books_agree(shop)


@pytest.mark.parametrize("verb", ["cancel", "resume"])
def test_the_same_press_twice_is_the_same(shop: Shop, verb: str):
    subscription = subscribed(shop, "pro_monthly")

    act(subscription, verb)
    act(subscription, verb)
    shop.settle()

    subscription.refresh_from_db()
    assert (subscription.cancel_at is not None) == (verb == "cancel")


def test_a_canceled_subscription_is_not_changed(shop: Shop):
    subscription = subscribed(shop, "enterprise_monthly", 1)
    act(subscription, "cancel")

    response = customer().get(
        f"/account/subscriptions/{subscription.pk}/change/",
        {"price": "enterprise_monthly", "quantity": 2},
        follow=True,
    )

    assert "take that back first" in response.content.decode()


def test_less_comes_with_the_next_period_without_credit(shop: Shop):
    subscription = subscribed(shop, "enterprise_monthly", 5)

    said = change(subscription, "enterprise_monthly", 2)
    shop.settle()
    subscription.refresh_from_db()
    assert "Planned" in said
    assert (subscription.planned_quantity, license().threads) == (2, 500)
    assert Payment.objects.count() == 1

    shop.advance(days=33)
    shop.settle()
    assert license().threads == 200
    assert Payment.objects.latest("pk").amount_cents == 2 * 26900
    books_agree(shop)


@pytest.mark.parametrize("block_cents", [20000, 60000])
def test_more_comes_at_once_and_less_later_whatever_became_of_the_price(
    shop: Shop, block_cents: int
):
    """He bought at $269 a block; a block costs less by now, or two cost more than his three."""
    subscription = subscribed(shop, "enterprise_monthly", 3)
    set_block_price("enterprise_monthly", block_cents)

    more = change(subscription, "enterprise_monthly", 5)
    shop.settle()
    assert "Changed. What you paid for is yours now." in more
    assert license().threads == 500

    less = change(subscription, "enterprise_monthly", 2)
    shop.settle()
    assert "Planned" in less
    assert license().threads == 500
    books_agree(shop)


@pytest.mark.parametrize(
    ("before", "after", "block_cents", "threads"),
    [
        (("enterprise_monthly", 3), ("enterprise_monthly", 5), 15000, 500),
        (("pro_monthly", 1), ("enterprise_monthly", 1), 5000, 100),
    ],
)
def test_more_that_costs_less_comes_with_the_next_period_without_credit(
    shop: Shop, before, after, block_cents: int, threads: int
):
    """A credit would stay beside a refund of the whole payment."""
    subscription = subscribed(shop, *before)
    paid, had = Payment.objects.get(), license()
    set_block_price("enterprise_monthly", block_cents)

    assert "Planned" in change(subscription, *after)
    shop.settle()

    assert Payment.objects.get() == paid
    assert (license().tier, license().threads) == (had.tier, had.threads)
    [buyer] = pages(shop, "/v1/customers")
    assert buyer["balance"] == 0
    shop.advance(days=33)
    shop.settle()
    assert license().threads == threads
    assert Payment.objects.latest("pk").amount_cents == after[1] * block_cents
    books_agree(shop)


def test_of_two_tiers_of_one_rank_the_dearer_is_more(shop: Shop):
    """The rank is 0 until the owner gives another."""
    Tier.objects.update(rank=0)
    subscription = subscribed(shop, "pro_monthly")

    change(subscription, "enterprise_monthly", 1)
    shop.settle()
    assert license().tier.slug == "enterprise"

    assert "Planned" in change(subscription, "pro_monthly")
    assert license().tier.slug == "enterprise"


@pytest.mark.parametrize("block_cents", [9900, 60000])
def test_a_higher_tier_that_costs_no_less_comes_at_once_and_a_lower_one_later(
    shop: Shop, block_cents: int
):
    subscription = subscribed(shop, "pro_monthly")
    set_block_price("enterprise_monthly", block_cents)

    change(subscription, "enterprise_monthly", 1)
    shop.settle()
    assert license().tier.slug == "enterprise"

    set_block_price("enterprise_monthly", 26900)
    assert "Planned" in change(subscription, "pro_monthly")
    assert license().tier.slug == "enterprise"


def test_a_planned_change_can_be_undone(shop: Shop):
    subscription = subscribed(shop, "enterprise_monthly", 5)
    change(subscription, "enterprise_monthly", 2)
    subscription.refresh_from_db()
    assert subscription.schedule_id

    act(subscription, "keep")
    shop.advance(days=33)
    shop.settle()

    subscription.refresh_from_db()
    assert (subscription.planned_price, license().threads) == (None, 500)


def test_a_plan_that_was_undone_can_be_confirmed_again_from_the_same_page(shop: Shop):
    subscription = subscribed(shop, "enterprise_monthly", 5)
    page = preview(subscription, "enterprise_monthly", 2)

    for _ in range(3):
        said = confirm(subscription, page)
        subscription.refresh_from_db()
        assert ("Planned." in said, subscription.planned_quantity) == (True, 2)
        act(subscription, "keep")
        subscription.refresh_from_db()
        assert subscription.planned_quantity is None

    assert shop.stripe_counts()["subscription_schedule"] == 3


def test_stripes_page_for_a_customer_who_was_deleted_there_says_so(shop: Shop):
    subscription = subscribed(shop, "pro_monthly")
    remote = shop.ask_stripe("GET", f"/v1/subscriptions/{subscription.stripe_id}")
    shop.ask_stripe("DELETE", f"/v1/customers/{remote['customer']}")

    for said in ("does not answer", "Your subscription was ended at our payment provider"):
        response = customer().post(
            f"/account/subscriptions/{subscription.pk}/billing/", follow=True
        )
        assert response.status_code == 200
        assert said in response.content.decode()
        shop.take()
        shop.work()

    assert license().status == License.Status.LAPSED


def test_a_cancellation_undoes_a_plan_that_we_did_not_hear_of(shop: Shop):
    subscription = subscribed(shop, "enterprise_monthly", 5)
    planned_at_stripe(shop, subscription, 2)

    act(subscription, "cancel")

    subscription.refresh_from_db()
    assert subscription.cancel_at == subscription.current_period_end


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_cancellation_that_fails_says_that_the_plan_is_undone(shop: Shop, when: str):
    subscription = subscribed(shop, "enterprise_monthly", 5)
    change(subscription, "enterprise_monthly", 2)
    shop.fail_stripe("POST", "/v1/subscriptions/", kind="500", when=when, times=2)

    path = f"/account/subscriptions/{subscription.pk}/cancel/"
    said = customer().post(path, follow=True).content.decode()
    shop.settle()

    assert "Your planned change is undone" in said
    subscription.refresh_from_db()
    assert subscription.planned_quantity is None
    assert (subscription.cancel_at is not None) == (when == "after")


@pytest.mark.parametrize("then", ["cancel", "more", "less"])
def test_after_a_planned_change_came_everything_is_possible_again(shop: Shop, then: str):
    """Stripe's schedule holds the subscription for one more period."""
    subscription = subscribed(shop, "enterprise_monthly", 5)
    change(subscription, "enterprise_monthly", 3)
    shop.advance(days=33)
    shop.settle()
    subscription.refresh_from_db()
    assert (subscription.quantity, subscription.planned_quantity) == (3, None)

    if then == "cancel":
        act(subscription, "cancel")
    else:
        change(subscription, "enterprise_monthly", 4 if then == "more" else 2)
    shop.settle()

    subscription.refresh_from_db()
    assert (subscription.cancel_at is not None) == (then == "cancel")
    assert license().threads == (400 if then == "more" else 300)
    assert subscription.planned_quantity == (2 if then == "less" else None)
    shop.advance(days=33)
    shop.settle()
    assert license().threads == {"cancel": 300, "more": 400, "less": 200}[then]
    books_agree(shop)


def test_yearly_to_monthly_and_enterprise_to_pro_wait_for_the_period(shop: Shop):
    subscription = subscribed(shop, "enterprise_yearly", 1)

    change(subscription, "pro_monthly")
    assert license().tier.slug == "enterprise"

    shop.advance(days=367)
    shop.settle()
    assert license().tier.slug == "pro"
    books_agree(shop)


def test_a_year_of_less_after_a_month_is_billed_as_a_year(shop: Shop):
    """Stripe keeps the months' anchor unless it is told not to, and bills nothing till then."""
    subscription = subscribed(shop, "enterprise_monthly", 20)

    assert "Planned" in change(subscription, "enterprise_yearly", 3)
    shop.advance(days=33)
    shop.settle()

    assert Payment.objects.latest("pk").amount_cents == 3 * 269000
    assert license().threads == 300
    assert license().paid_through > timezone.now() + timedelta(days=360)
    books_agree(shop)


def test_a_card_that_is_changed_after_a_change_was_planned_pays_for_it(shop: Shop):
    subscription = subscribed(shop, "enterprise_monthly", 3)
    change(subscription, "enterprise_monthly", 1)
    page = customer().post(f"/account/subscriptions/{subscription.pk}/billing/")["Location"]

    card = {"card_number": "5555555555554444", "exp": "12/34", "cvc": "123"}
    typed = {"action": "card", "name": "Buyer", "country": "US", **card}
    shop.standin.request("POST", urlsplit(page).path, urlencode(typed), FORM)
    shop.settle()
    subscription.refresh_from_db()
    assert subscription.card_last4 == "4444"
    shop.advance(days=33)
    shop.settle()

    subscription.refresh_from_db()
    assert (subscription.status, subscription.card_last4) == ("active", "4444")
    assert Payment.objects.values("card_fingerprint").distinct().count() == 2


def test_a_card_that_is_made_the_customers_own_is_heard_of(shop: Shop):
    """As in the Dashboard; the subscription itself does not change, and nothing is said of it."""
    subscription = subscribed(shop, "enterprise_monthly", 3)
    change(subscription, "enterprise_monthly", 1)
    shop.settle()
    remote = shop.ask_stripe("GET", f"/v1/subscriptions/{subscription.stripe_id}")
    whose = f"/v1/customers/{remote['customer']}"
    method = "/v1/payment_methods/pm_card_mastercard/attach"
    card = shop.ask_stripe("POST", method, f"customer={remote['customer']}")["id"]

    shop.ask_stripe("POST", whose, f"invoice_settings[default_payment_method]={card}")
    shop.settle()

    subscription.refresh_from_db()
    assert (remote["default_payment_method"], subscription.card_last4) == (None, "4444")


def test_receipts_stand_on_the_account(shop: Shop):
    subscribed(shop, "pro_monthly")
    shop.advance(days=32)
    shop.settle()

    browser = customer()
    [path] = re.findall(
        r'href="(/account/\d+/receipts/)"', browser.get("/account/").content.decode()
    )
    page = browser.get(path).content.decode()

    assert page.count("<td>$99</td>") == 2
    invoices = pages(shop, "/v1/invoices?status=paid")
    assert all(invoice["hosted_invoice_url"] in page.replace("&amp;", "&") for invoice in invoices)


def test_the_card_is_changed_on_stripes_page_for_this_customer(shop: Shop):
    subscription = subscribed(shop, "pro_monthly")

    response = customer().post(f"/account/subscriptions/{subscription.pk}/billing/")

    assert response.status_code == 303
    assert "/p/session/bps_" in response["Location"]


def mails(text: str) -> int:
    return sum(text in sent.subject for sent in mail.outbox)


def test_each_change_is_mailed_once(shop: Shop):
    subscription = subscribed(shop, "pro_monthly")
    act(subscription, "cancel")
    shop.settle()
    act(subscription, "resume")
    shop.settle()
    change(subscription, "enterprise_monthly", 2)
    for _ in range(3):
        shop.settle()

    assert mails("Hare Pro is canceled, and yours until") == 1
    assert mails("Hare Pro goes on") == 1
    assert mails("You have Hare Enterprise now, with 200 threads") == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["500", "429", "reset"])
@pytest.mark.parametrize("lookup_key", ["enterprise_monthly", "pro_monthly"])
def test_a_stripe_that_fails_at_a_change_is_honest_and_doubles_nothing(
    shop: Shop, lookup_key: str, kind: str, when: str
):
    """Scenario 36: an upgrade that is paid at once, and a downgrade that waits."""
    before = "pro_monthly" if lookup_key == "enterprise_monthly" else "enterprise_monthly"
    subscription = subscribed(shop, before)
    page = preview(subscription, lookup_key)
    shop.fail_stripe("POST", "/v1/subscription", kind=kind, when=when, times=2)

    for _ in range(3):
        said = confirm(subscription, page)
        shop.settle()
        if "does not answer" not in said:
            break
        assert "Nothing was changed" not in said  # who knows?
    shop.advance(minutes=10)
    shop.settle()

    subscription.refresh_from_db()
    is_upgrade = lookup_key == "enterprise_monthly"
    assert Payment.objects.count() == 1 + is_upgrade
    assert shop.stripe_counts().get("subscription_schedule", 0) == (not is_upgrade)
    assert bool(subscription.schedule_id) == (not is_upgrade)
    assert subscription.price.lookup_key == "enterprise_monthly"
    books_agree(shop)
