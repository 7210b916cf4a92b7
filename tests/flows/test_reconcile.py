"""What no webhook told is asked for, reported, and put right."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from billing.models import (
    DirtyObject,
    OwnerNotice,
    Payment,
    StripeCustomer,
    StripeEvent,
    Subscription,
)
from billing.stripe_api import change_at_period_end
from licenses.entitlements import find_holder, may_download
from licenses.models import Contact, License
from tests.flows.books import books_agree
from tests.flows.unheard import (
    live_on,
    lose_all,
    populate,
    subscription_of,
)
from tests.make import make_credential
from tests.shop import Buyer, Shop


def may_install_what_is_new(email: str) -> bool:
    subscription = subscription_of(email)
    subscription.customer.credentials.all().delete()
    _, token = make_credential(subscription.customer)
    holder = find_holder(token, timezone.now())
    assert holder is not None
    tier = subscription.price.tier_id
    return may_download(holder, tier_ids=[tier], released_at=timezone.now()).is_allowed


def is_right(shop: Shop, *, refunded: str = "revoked", disputed: str = "suspended") -> None:
    by_name = {
        name.split("@")[0]: License.objects.get(customer__contacts__email=name).status
        for name in Contact.objects.values_list("email", flat=True)
    }
    assert by_name.pop("new") == "active"
    assert by_name.pop("fails") in {"active", "lapsed"}
    assert by_name == {
        "renews": "active",
        "cancels": "lapsed",
        "refunded": refunded,
        "disputed": disputed,
    }
    assert shop.night().drift == {}
    books_agree(shop)


def test_five_days_without_a_webhook_are_made_good_by_the_events(shop: Shop):
    populate(shop)
    live_on(shop)
    for _ in range(5):
        shop.advance(days=1)
        lose_all(shop)
    before = StripeEvent.objects.count()

    report = shop.night()

    assert report.events == StripeEvent.objects.count() - before > 5
    assert License.objects.filter(threads=200).exists()
    assert OwnerNotice.objects.filter(key__startswith="drift:").count() == 0
    is_right(shop)


@pytest.mark.parametrize("state_only", [True, False])
def test_forty_days_without_a_webhook_are_made_good_by_the_state(shop: Shop, state_only: bool):
    populate(shop)
    live_on(shop)
    for _ in range(40):
        shop.advance(days=1)
        lose_all(shop)
        shop.work()
        assert may_install_what_is_new("renews@company.example")
        # Whose renewal failed has 21 days from then; we did not even know.
        assert may_install_what_is_new("fails@company.example")

    shop.night(events=not state_only)

    assert (
        Payment.objects.filter(subscription=subscription_of("renews@company.example")).count() > 1
    )
    assert License.objects.filter(threads=200).exists()
    assert subscription_of("renews@company.example").current_period_end > timezone.now()
    # He has paid the next month meanwhile; the dispute was lost because nobody answered.
    is_right(shop, refunded="active", disputed="revoked")


def test_what_differs_is_reported_with_how_and_told_to_the_owner(shop: Shop):
    populate(shop)
    stripe_id = subscription_of("renews@company.example").stripe_id
    live_on(shop)
    Subscription.objects.filter(stripe_id=stripe_id).update(quantity=7)
    License.objects.filter(source=f"stripe:{stripe_id}").update(threads=7)

    report = shop.night(events=False)

    assert report.drift[stripe_id] == "quantity + rights"
    assert sorted(set(report.drift.values()) - {report.drift[stripe_id]}) == [
        "dispute",
        "refund",
        "status + ended_at",
        "unknown here",
    ]
    notice = OwnerNotice.objects.get(key__startswith="drift:")
    assert f"{stripe_id}: quantity + rights" in notice.text
    assert not notice.needs_him
    assert any("Drift from Stripe" in sent.body for sent in mail.outbox)
    is_right(shop)


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        ({"status": License.Status.LAPSED}, "license status"),
        ({"paid_through": timezone.now()}, "rights"),
    ],
)
def test_a_license_that_says_something_else_than_was_paid_is_put_right(shop: Shop, edit, what):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    License.objects.update(**edit)

    assert list(shop.night().drift.values()) == [what]

    books_agree(shop)
    assert shop.night().drift == {}


def test_a_payment_that_is_missing_is_found_even_behind_many_newer_ones(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    for _ in range(13):
        shop.advance(days=31)
        shop.settle()
    Payment.objects.earliest("paid_at").delete()

    assert "payment" not in shop.night().drift.values()  # older than 120 days
    report = shop.night(since=timezone.now() - timedelta(days=9999))

    assert list(report.drift.values()) == ["payment"]
    assert Payment.objects.count() == 14
    books_agree(shop)


def test_a_subscription_that_stripe_does_not_know_needs_the_owner_and_is_left(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    Subscription.objects.update(stripe_id="sub_gone")

    report = shop.night(events=False)

    assert report.needs_him == {"sub_gone": "is unknown at Stripe"}
    assert OwnerNotice.objects.get(needs_him=True).text.startswith("Subscription sub_gone")
    assert License.objects.get(source__startswith="stripe:sub_").status == License.Status.ACTIVE
    shop.night(events=False)
    assert OwnerNotice.objects.filter(needs_him=True).count() == 1


def test_a_customer_deleted_at_stripe_unheard_is_found_and_may_buy_again(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    customer = StripeCustomer.objects.get()
    shop.ask_stripe("DELETE", f"/v1/customers/{customer.stripe_id}")
    lose_all(shop)

    assert shop.night(events=False).drift[customer.stripe_id] == "customer deleted"

    customer.refresh_from_db()
    assert customer.deleted_at is not None
    assert License.objects.get().status == License.Status.LAPSED
    assert shop.night(events=False).drift == {}


def test_a_plan_made_unheard_is_drift(shop: Shop):
    Buyer(shop).buy("enterprise_monthly", 5)
    shop.settle()
    row = Subscription.objects.get()
    change_at_period_end(
        row.stripe_id,
        price_id=row.stripe_price.stripe_id,
        quantity=2,
        interval="month",
        idempotency_key="plan",
    )
    lose_all(shop)

    found = shop.night(events=False).drift[row.stripe_id]

    assert found == "schedule_id + planned_price_id + planned_quantity"
    row.refresh_from_db()
    assert (row.planned_price, row.planned_quantity) == (row.price, 2)
    assert shop.night(events=False).drift == {}


@pytest.mark.parametrize(
    ("column", "wrong"),
    [("collection_method", "send_invoice"), ("pay_url", "http://x/"), ("stripe_price_id", None)],
)
def test_a_column_that_says_something_else_is_put_right(shop: Shop, column: str, wrong: object):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    right = getattr(Subscription.objects.get(), column)
    Subscription.objects.update(**{column: wrong})

    assert list(shop.night(events=False).drift.values()) == [column]

    assert getattr(Subscription.objects.get(), column) == right


def test_what_others_sell_in_the_same_account_is_no_drift(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.sell_something_else()
    lose_all(shop)
    shop.night()

    assert shop.night().drift == {}
    assert not DirtyObject.objects.exclude(due_at=None).exists()


def test_a_refund_of_what_others_sell_is_let_go_and_not_tried_for_ever(shop: Shop):
    stripe_id = shop.sell_something_else()
    (charge,) = shop.ask_stripe("GET", "/v1/charges")["data"]
    shop.ask_stripe("POST", "/v1/refunds", f"payment_intent={charge['payment_intent']}")
    shop.settle()
    shop.clock.move_to(timezone.now() + timedelta(minutes=1))
    shop.work()

    assert Subscription.objects.filter(stripe_id=stripe_id).count() == 0
    assert not DirtyObject.objects.exclude(due_at=None).exists()
