"""Customers at Stripe: deleted, renamed, made twice, of another database."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.customers import ensure_stripe_customer
from billing.models import Price, StripeCustomer, StripeEvent
from licenses.models import Customer, License
from licenses.people import add_customer
from tests.flows.at_stripe import bought, signed_in_buyer
from tests.flows.books import books_agree
from tests.shop import Buyer, Shop


def test_a_customer_deleted_at_stripe_ends_his_license_and_may_buy_again(shop: Shop):
    bought(shop)
    stripe_id = shop.ask_stripe("GET", "/v1/customers?limit=1")["data"][0]["id"]

    shop.ask_stripe("DELETE", f"/v1/customers/{stripe_id}")
    shop.settle()
    assert License.objects.get().status == License.Status.LAPSED

    again = signed_in_buyer(shop, Customer.objects.get())
    again.buy("pro_monthly")
    shop.settle()
    assert License.objects.filter(status=License.Status.ACTIVE).count() == 1
    assert Customer.objects.count() == 1


def test_another_address_for_receipts_is_shown_and_signs_nobody_in(shop: Shop):
    bought(shop)
    row = StripeCustomer.objects.get()
    assert row.email == "dev@company.example"

    shop.ask_stripe("POST", f"/v1/customers/{row.stripe_id}", "email=books@company.example")
    shop.settle()

    row.refresh_from_db()
    assert row.email == "books@company.example"
    customer = Customer.objects.get()
    assert [one.email for one in customer.contacts.all()] == ["dev@company.example"]
    page = signed_in_buyer(shop, customer).client.get(f"/account/{customer.pk}/receipts/")
    assert "books@company.example" in page.content.decode()


def test_another_address_whose_event_was_lost_is_found_in_the_night(shop: Shop):
    bought(shop)
    row = StripeCustomer.objects.get()
    shop.ask_stripe("POST", f"/v1/customers/{row.stripe_id}", "email=books@company.example")
    shop.take()

    shop.night(events=False)

    row.refresh_from_db()
    assert row.email == "books@company.example"


def test_what_we_note_on_a_customer_ourselves_makes_no_more_work(shop: Shop):
    bought(shop)
    told = StripeEvent.objects.filter(type="customer.updated")
    assert told.exists()
    assert set(told.values_list("note", flat=True)) == {"of another change"}


@pytest.mark.parametrize("is_found_at_night", [True, False])
def test_a_customer_whose_deletion_we_never_heard_of_may_buy_again(
    shop: Shop, *, is_found_at_night: bool
):
    """The webhook was lost, and Stripe's events of then are older than 30 days."""
    bought(shop)
    stripe_id = StripeCustomer.objects.get().stripe_id
    shop.ask_stripe("DELETE", f"/v1/customers/{stripe_id}")
    shop.take()
    if is_found_at_night:
        shop.night(events=False)
        assert StripeCustomer.objects.get().deleted_at is not None
        assert License.objects.get().status == License.Status.LAPSED
    else:
        License.objects.update(status=License.Status.LAPSED)  # or his account would say "yours"

    signed_in_buyer(shop, Customer.objects.get()).buy("pro_monthly")
    shop.settle()

    assert License.objects.filter(status=License.Status.ACTIVE).count() == 1
    assert StripeCustomer.objects.filter(deleted_at=None).count() == 1
    assert Customer.objects.count() == 1
    books_agree(shop)


def test_a_customer_who_is_renamed_after_a_lost_answer_can_buy(shop: Shop):
    customer = add_customer(name="Company", email="dev@company.example")
    shop.fail_stripe("POST", "/v1/customers", kind="reset", when="after", times=2)
    buyer = signed_in_buyer(shop, customer)
    assert buyer.press_buy("pro_monthly").status_code == 503
    Customer.objects.update(name="Company Ltd")

    buyer.buy("pro_monthly")

    assert License.objects.get().customer == customer


def test_a_lost_answer_leaves_one_stripe_customer(shop: Shop):
    customer = add_customer(name="Company", email="dev@company.example")
    shop.fail_stripe("POST", "/v1/customers", kind="reset", when="after", times=2)
    buyer = signed_in_buyer(shop, customer)
    assert buyer.press_buy("pro_monthly").status_code == 503

    buyer.buy("pro_monthly")

    assert shop.stripe_counts()["customer"] == 1


def test_customer_7_of_another_database_is_another_customer_at_stripe(shop: Shop):
    """A restored backup, or a second installation with the same Stripe account."""
    customer = add_customer(name="Company", email="dev@company.example")
    first = ensure_stripe_customer(customer)
    StripeCustomer.objects.all().delete()
    Customer.objects.update(created_at=timezone.now() + timedelta(seconds=1))
    customer.refresh_from_db()

    assert ensure_stripe_customer(customer) != first


def test_the_key_of_another_account_by_mistake_does_no_lasting_harm(shop: Shop):
    """Stripe knows neither his id nor the price's; that is not the same as deleted or archived."""
    bought(shop)
    stripe_id = StripeCustomer.objects.get().stripe_id
    License.objects.update(status=License.Status.LAPSED)
    buyer = signed_in_buyer(shop, Customer.objects.get())
    StripeCustomer.objects.update(stripe_id="cus_elsewhere")
    known = buyer.press_buy("pro_monthly")
    StripeCustomer.objects.update(stripe_id=stripe_id)
    Price.objects.filter(lookup_key="pro_monthly").update(stripe_id="price_elsewhere")
    stranger = Buyer(shop).press_buy("pro_monthly")

    assert (known.status_code, stranger.status_code) == (503, 503)
    assert StripeCustomer.objects.get().deleted_at is None
    assert not Price.objects.filter(is_on_sale=False, lookup_key="pro_monthly").exists()
