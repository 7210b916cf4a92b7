"""The first sentence of the account: what one has, and what becomes of it."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from billing.models import Subscription
from licenses import people
from licenses.models import License, User
from licenses.status import lapse_license, revoke_license, suspend_license
from tests.make import make_customer, make_license
from tests.shop import Buyer, Shop

pytestmark = pytest.mark.django_db


def account() -> str:
    """The page of the buyer, signed in."""
    client = Client()
    client.force_login(User.objects.get(email="dev@company.example"))
    return client.get("/account/").content.decode()


def test_a_subscription_says_when_it_renews_for_how_much_and_from_which_card(shop: Shop):
    Buyer(shop).buy("enterprise_yearly", 5)
    ends = Subscription.objects.get().current_period_end

    page = account()

    assert (
        f"Hare Enterprise with 500 threads: renews on {ends.day} {ends:%B %Y} for "
        "$12,450 per year, from the card ending 4242." in page
    )


def test_a_canceled_one_says_until_when_everything_works(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    ends = Subscription.objects.get().current_period_end
    Subscription.objects.update(cancel_at=ends)

    page = account()

    assert f"canceled, and everything works until {ends.day} {ends:%B %Y}." in page
    assert "Do not cancel" in page
    assert "Change plan" not in page


def test_a_failed_payment_says_until_when_to_mend_it(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    failed = timezone.now()
    Subscription.objects.update(
        status="past_due", past_due_since=failed, pay_url="https://pay.example/1"
    )

    page = account()

    until = failed + timedelta(days=21)
    assert f"Everything works until {until.day} {until:%B %Y}" in page
    assert 'href="https://pay.example/1"' in page


def test_whoever_pays_by_invoice_is_offered_no_change_by_his_own_hand(shop: Shop):
    Buyer(shop).buy("enterprise_yearly")
    assert "Change plan or quantity" in account()

    Subscription.objects.update(collection_method="send_invoice")

    page = account()
    assert "by invoice" in page
    assert "Change plan or quantity" not in page
    assert "Cancel at the end" not in page


def test_a_fresh_purchase_shows_the_last_moment_of_the_guarantee(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    assert "Get your money back" in account()

    shop.advance(days=15)

    assert "Get your money back" not in account()


@pytest.mark.parametrize(
    ("move", "said"),
    [
        (lapse_license, "Hare Pro has ended. Everything released until"),
        (suspend_license, "is suspended while a payment is disputed"),
        (revoke_license, "was revoked; nothing of it installs any more"),
    ],
)
def test_a_license_that_ended_says_what_is_left(shop: Shop, move, said: str):
    Buyer(shop).buy("pro_monthly")
    move(License.objects.get().pk, at=timezone.now(), reason="test")

    assert said in account()
    assert ("Buy it again" in account()) == (move is lapse_license)


def test_a_gift_says_until_when(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    license = make_license(
        customer=Subscription.objects.get().customer,
        tier=License.objects.get().tier,
        paid_through=timezone.now() + timedelta(days=10),
    )

    assert f"free of charge until {license.paid_through.day} " in account()


def test_the_account_of_a_buyer_takes_twelve_queries_at_most(
    shop: Shop, django_assert_max_num_queries
):
    Buyer(shop).buy("pro_monthly")
    client = Client()
    client.force_login(User.objects.get(email="dev@company.example"))

    with django_assert_max_num_queries(12):
        page = client.get("/account/").content.decode()

    assert "For uv" in page
    assert "Get your money back" in page


def test_whoever_paid_asks_for_it_and_waits_for_no_webhook(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    subscription = Subscription.objects.get()
    Subscription.objects.update(
        status="past_due", past_due_since=timezone.now(), pay_url="https://pay.example/1"
    )
    client = Client()
    client.force_login(User.objects.get(email="dev@company.example"))
    assert "I have paid: check it" in client.get("/account/").content.decode()

    page = client.post(f"/account/subscriptions/{subscription.pk}/check/", follow=True)

    assert "renews on" in page.content.decode()
    assert "I have paid" not in page.content.decode()


def test_a_person_of_many_customers_takes_no_more_queries(django_assert_max_num_queries):
    person = make_customer("dev@company.example").contacts.get()
    for _ in range(15):
        license = make_license()
        people.add_contact(license.customer_id, email=person.email, role=person.Role.TECHNICAL)
    client = Client()
    client.force_login(User.objects.get(email="dev@company.example"))

    with django_assert_max_num_queries(12):
        page = client.get("/account/").content.decode()

    assert page.count('<p class="state">') == 15
