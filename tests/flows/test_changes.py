"""More, or a higher tier, at once: what is shown is billed, to the cent and once."""

import re

import pytest
from django.test import Client

from billing.models import Payment, Subscription
from licenses.models import License, User
from tests.cards import FAILS_AT_RENEWAL
from tests.flows.books import books_agree
from tests.flows.changing import (
    act,
    change,
    confirm,
    customer,
    license,
    planned_at_stripe,
    preview,
    subscribed,
)
from tests.shop import Buyer, Shop


def refused(subscription: Subscription, lookup_key: str, quantity: int = 1) -> str:
    """The account page, which says why the change is not even shown."""
    response = customer().get(
        f"/account/subscriptions/{subscription.pk}/change/",
        {"price": lookup_key, "quantity": quantity},
        follow=True,
    )
    assert response.redirect_chain
    return response.content.decode()


def shown_cents(page: str) -> int:
    found = re.search(r'id="amount">\$([\d,]+)(?:\.(\d\d))?<', page)
    assert found
    return int(found[1].replace(",", "")) * 100 + int(found[2] or 0)


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
    subscription = subscribed(shop, "pro_monthly", card=FAILS_AT_RENEWAL)
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


def test_an_upgrade_waits_until_a_planned_change_is_undone(shop: Shop):
    """Else a card that fails would have undone it: nobody may lose it by trying."""
    subscription = subscribed(shop, "enterprise_monthly", 5, card=FAILS_AT_RENEWAL)
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
    subscription = subscribed(shop, "enterprise_monthly", 5, card=FAILS_AT_RENEWAL)
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
