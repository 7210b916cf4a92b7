"""A product is given up while something of it is on its way: nothing of it renews."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.closings import close_product, close_subscriptions
from billing.contracts import make_invoice_contract, sign_contract
from billing.models import Closing, GuaranteeRefund, Payment, Price, Subscription
from licenses.issuing import Grant, issue_license
from licenses.models import License, Product, Tier
from outbox.models import Mail
from tests.cards import FAILS_AT_RENEWAL
from tests.flows.changing import change, subscribed
from tests.make import make_customer
from tests.portal.test_catalog import text_of
from tests.shop import Buyer, Shop

pytestmark = pytest.mark.django_db


def close_hare() -> Product:
    product = Product.objects.get(slug="hare")
    close_product(product.pk, at=timezone.now())
    return product


def test_an_end_that_stripe_never_took_has_a_page_to_try_it_again(owner: Client, shop: Shop):
    row = subscribed(shop, "pro_monthly")
    close_hare()
    path = f"/v1/subscriptions/{row.stripe_id}"
    shop.fail_stripe("POST", path, kind="500", when="before", times=99)
    close_subscriptions(timezone.now())
    closing = Closing.objects.get()
    assert closing.attempts == 1

    assert owner.get(f"/owner/billing/closing/{closing.pk}/change/").status_code == 200
    shop.standin.control("DELETE", "faults")
    form = {"action": "try_again", "_selected_action": closing.pk}
    owner.post("/owner/billing/closing/", form)
    shop.settle()

    row.refresh_from_db()
    assert row.cancel_at is not None


def test_an_end_that_was_taken_back_at_stripe_is_put_there_again(shop: Shop):
    row = subscribed(shop, "pro_monthly")
    product = close_hare()
    shop.settle()
    for _ in range(2):
        path = f"/v1/subscriptions/{row.stripe_id}"
        shop.ask_stripe("POST", path, "cancel_at_period_end=false")
        shop.settle()

    row.refresh_from_db()
    assert row.cancel_at == row.current_period_end
    assert not Mail.objects.filter(key__startswith="uncanceled:").exists()
    shop.advance(days=33)
    shop.settle()
    assert (Subscription.objects.get().status, Payment.objects.count()) == ("canceled", 1)
    product.refresh_from_db()
    assert product.status == Product.Status.RETIRED


def test_what_is_gone_at_stripe_is_not_ended_again_and_again(shop: Shop):
    row = subscribed(shop, "pro_monthly")
    Subscription.objects.filter(pk=row.pk).update(stripe_id="sub_gone")
    close_hare()

    shop.work()

    closing = Closing.objects.get()
    assert (closing.attempts, closing.due_at) == (1, None)
    assert "gone" in closing.last_error


def test_whoever_has_not_paid_is_told_of_the_invoice_and_of_no_time_that_is_not_his(
    shop: Shop, request: pytest.FixtureRequest
):
    Buyer(shop).buy("pro_monthly", card=FAILS_AT_RENEWAL)
    shop.settle()
    shop.advance(days=31, hours=3)
    shop.settle()
    row = Subscription.objects.get()
    assert row.status == "past_due"
    paid = License.objects.get().paid_through
    owner = request.getfixturevalue("owner")  # signed in now, not a month ago
    shown = text_of(owner, f"/owner/catalog/products/{row.price.tier.product_id}/close/")

    close_hare()
    shop.settle()

    told = Mail.objects.get(key=f"closing:{row.stripe_id}")
    body = " ".join(told.body.split())
    assert told.subject == "Hare is being given up; an invoice of yours is open"
    assert "nothing will be charged" not in body
    assert f"It is paid until {paid:%-d %B %Y}." in body
    assert row.pay_url in body
    assert f"Once it is paid, everything works until {row.current_period_end:%-d %B %Y}." in body
    assert f"{paid:%Y-%m-%d}, an invoice is open" in shown
    assert body in shown


def test_a_round_that_finds_nothing_to_do_takes_no_lock(shop: Shop):
    subscribed(shop, "pro_monthly")
    close_hare()
    shop.settle()

    with CaptureQueriesContext(connection) as queries:
        assert close_subscriptions(timezone.now()) == 0

    asked = [one["sql"] for one in queries]
    assert [sql for sql in asked if not sql.startswith("SELECT") or "FOR UPDATE" in sql] == []


def test_a_purchase_that_was_never_paid_or_goes_back_is_told_nothing(shop: Shop):
    row = subscribed(shop, "pro_monthly")
    for cause in (None, GuaranteeRefund.Cause.DUPLICATE):
        other = Subscription.objects.get(pk=row.pk)
        other.pk, other.stripe_id = None, f"sub_{cause}"
        other.license = other.cart = None
        other.status = "active" if cause else "incomplete"
        other.save()
        if cause:
            GuaranteeRefund.objects.create(
                subscription=other, cause=cause, requested_at=timezone.now()
            )

    close_hare()
    shop.work()

    told = Mail.objects.filter(key__startswith="closing:").values_list("key", flat=True)
    assert list(told) == [f"closing:{row.stripe_id}"]


def test_whoever_evaluates_is_not_told_that_he_keeps_anything(shop: Shop):
    until = timezone.now() + timedelta(days=30)
    for kind in (License.Kind.COMPLIMENTARY, License.Kind.EVALUATION):
        issue_license(
            customer_id=make_customer(f"{kind}@company.example").pk,
            source=f"owner:{kind}",
            grant=Grant(Tier.objects.get(product__slug="hare", slug="pro").pk, kind, None, until),
            at=timezone.now(),
        )

    close_hare()

    bodies = {mail.to[0]: mail.body for mail in Mail.objects.filter(key__startswith="closing:")}
    assert "stays yours" in bodies["complimentary@company.example"]
    assert "stays yours" not in bodies["evaluation@company.example"]
    assert f"until {until:%-d %B %Y}, and ends then" in bodies["evaluation@company.example"]


def test_a_change_that_was_planned_is_undone_and_nothing_renews(shop: Shop):
    row = subscribed(shop, "enterprise_monthly", 3)
    change(row, "enterprise_monthly", 2)
    row.refresh_from_db()
    assert row.schedule_id

    close_hare()
    shop.settle()

    row.refresh_from_db()
    assert (row.schedule_id, row.cancel_at) == ("", row.current_period_end)
    shop.advance(days=33)
    shop.settle()
    assert (Subscription.objects.get().status, Payment.objects.count()) == ("canceled", 1)


def test_what_is_paid_after_the_product_retired_ends_with_its_first_period(shop: Shop):
    buyer = Buyer(shop)
    asked = buyer.press_buy("pro_monthly")
    product = close_hare()
    shop.settle()
    product.refresh_from_db()
    assert product.status == Product.Status.RETIRED

    buyer.pay(asked["Location"])
    shop.settle()

    row = Subscription.objects.get()
    assert row.cancel_at == row.current_period_end
    assert Mail.objects.filter(key=f"closing:{row.stripe_id}").count() == 1


def test_a_contract_signed_after_the_product_retired_does_not_renew(shop: Shop):
    contract = make_invoice_contract(
        customer=make_customer("boss@big.example"),
        price=Price.objects.get(lookup_key="enterprise_yearly"),
        quantity=50,
        at=timezone.now(),
        grant_on="signature",
    )
    close_hare()
    shop.settle()

    sign_contract(contract.pk, at=timezone.now())
    shop.settle()

    row = Subscription.objects.get()
    assert row.cancel_at == row.current_period_end
