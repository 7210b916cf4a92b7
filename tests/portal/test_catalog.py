"""The owner creates, prices, offers and gives up a product, and sees before whom it concerns."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from billing.closings import NotOnSale, close_product, close_subscriptions
from billing.models import Closing, OwnerNotice, Price, PriceMove, Subscription
from licenses.models import License, Product, Tier, User
from outbox.claims import LEASE
from outbox.models import Mail
from tests.cards import GOOD, OTHER_GOOD
from tests.flows.crashing import crashes_in_turn
from tests.make import make_license, make_tier
from tests.shop import Buyer, Shop


def text_of(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, response.status_code
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def post(client: Client, path: str, form: dict[str, Any] | None = None) -> str:
    """What the page after it says."""
    response = client.post(path, form or {}, follow=True)
    assert response.status_code == 200, response.status_code
    page = response.content.decode()
    assert "errorlist" not in page, re.findall(r"errorlist[^<]*<[^>]*>([^<]+)", page)
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def hare() -> Product:
    return Product.objects.get(slug="hare")


NO_TIERS = {"tiers-TOTAL_FORMS": 0, "tiers-INITIAL_FORMS": 0}
TOAD = {"name": "Toad", "slug": "toad", "summary": "Croaks.", **NO_TIERS}
ONE_TIER = {
    "tiers-TOTAL_FORMS": 1, "tiers-INITIAL_FORMS": 0, "tiers-0-name": "Pro", "tiers-0-slug": "pro",
    "tiers-0-rank": 0, "tiers-0-tickets_per_quarter": 1,
}  # fmt: skip


def test_a_product_is_made_priced_and_sold_without_leaving_the_admin(owner: Client, shop: Shop):
    post(owner, "/owner/licenses/product/add/", {**TOAD, **ONE_TIER, "status": "draft"})
    tier = Tier.objects.get(product__slug="toad")
    price = {
        "tier": tier.pk, "lookup_key": "toad", "interval": "month", "currency": "usd",
        "unit_amount_cents": 5000, "volume_tiers": "[]", "is_on_sale": "on",
    }  # fmt: skip
    post(owner, "/owner/billing/price/add/", price)

    before = text_of(owner, "/owner/catalog/")
    assert "Toad Pro, $50 per month: not at Stripe yet. Nobody pays it yet." in before
    assert "Toad" not in text_of(owner, "/pricing/")
    assert Client().get("/products/toad/changelog/").status_code == 404

    said = post(owner, "/owner/catalog/publish")
    assert "created toad as price_" in said
    assert "Waits to be put on Stripe" not in said
    product = Product.objects.get(slug="toad")
    form = {**TOAD, "status": "on sale", "tiers-TOTAL_FORMS": 0}
    post(owner, f"/owner/licenses/product/{product.pk}/change/", form)

    Buyer(shop, email="toad@company.example").buy("toad")
    shop.settle()
    assert License.objects.get().tier == tier


def test_a_changed_price_says_who_keeps_what_he_pays(owner: Client, shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    Price.objects.filter(lookup_key="pro_monthly").update(unit_amount_cents=12900)

    shown = text_of(owner, "/owner/catalog/")

    assert "Hare Pro, $129 per month: Stripe has $99. 1 subscriber keeps what they pay" in shown
    assert "pro_monthly is price_" in post(owner, "/owner/catalog/publish")
    assert "Stripe agreed already." in post(owner, "/owner/catalog/publish")


def test_a_price_that_stripe_would_refuse_changes_nothing_and_says_why(owner: Client, shop: Shop):
    falling = [[4, 26900], [None, 100]]
    Price.objects.filter(lookup_key="enterprise_monthly").update(volume_tiers=falling)

    assert "Not done: price enterprise_monthly: 5 units would cost $5" in post(
        owner, "/owner/catalog/publish"
    )


def test_a_stripe_that_is_away_is_asked_again_by_the_same_button(owner: Client, shop: Shop):
    Price.objects.filter(lookup_key="pro_monthly").update(unit_amount_cents=12900)
    shop.fail_stripe("GET", "/v1/products", kind="500", when="before", times=9)

    said = post(owner, "/owner/catalog/publish")

    assert "Stripe did not answer; press it again" in said


def test_moving_everybody_shows_the_sums_and_the_mail_and_then_does_that(owner: Client, shop: Shop):
    for number, card in enumerate([GOOD, OTHER_GOOD]):
        Buyer(shop, email=f"b{number}@company.example").buy("pro_monthly", card=card)
    shop.settle()
    Price.objects.filter(lookup_key="pro_monthly").update(unit_amount_cents=12900)
    post(owner, "/owner/catalog/publish")
    Buyer(shop, email="new@company.example").buy("pro_monthly", card="378282246310005")
    shop.settle()
    leaving = Subscription.objects.earliest("pk")
    shop.ask_stripe("POST", f"/v1/subscriptions/{leaving.stripe_id}", "cancel_at_period_end=true")
    shop.settle()
    path = f"/owner/catalog/prices/{Price.objects.get(lookup_key='pro_monthly').pk}/move/"
    mail.outbox = []

    shown = text_of(owner, path)

    assert "1 subscriber pays $99 per month in all, and would pay $129" in shown
    assert f"Who stays as he is {leaving.customer}: {leaving.stripe_id} ends" in shown
    assert "will cost $129 per month, plus tax where due" in shown
    assert not PriceMove.objects.exists()

    assert "1 subscriber of pro_monthly will be told." in post(owner, path)
    shop.work()
    assert [sent.body for sent in mail.outbox] == [
        row.body for row in Mail.objects.filter(key__startswith="price-move:")
    ]
    assert " ".join(mail.outbox[0].body.split()) in shown
    assert "0 subscribers pay" in text_of(owner, path)


# --- giving a product up ------------------------------------------------------------------------


def test_giving_up_shows_whom_it_concerns_and_the_very_mail(owner: Client, shop: Shop):
    Buyer(shop).buy("pro_yearly")
    shop.settle()
    make_license(tier=make_tier("pro"), source="owner:gift-1")
    row = Subscription.objects.get()
    path = f"/owner/catalog/products/{hare().pk}/close/"
    mail.outbox = []

    shown = text_of(owner, path)

    assert "1 subscription runs." in shown
    assert f"the last until {row.current_period_end:%Y-%m-%d}" in shown
    assert "1 other license stays unchanged" in shown
    assert (hare().status, mail.outbox) == ("on sale", [])

    assert "Hare is closing" in post(owner, path)
    shop.settle()
    assert sorted(one.to[0] for one in mail.outbox if "given up" in one.subject) == sorted(
        [license.customer.contacts.get().email for license in License.objects.all()]
    )
    told = Mail.objects.get(key=f"closing:{row.stripe_id}")
    assert " ".join(told.body.split()) in shown


def test_each_kind_of_mail_is_shown_before_a_product_is_given_up(owner: Client, shop: Shop):
    for number in range(2):
        Buyer(shop, email=f"b{number}@company.example").buy("pro_monthly")
    shop.settle()
    Subscription.objects.filter(pk=Subscription.objects.latest("pk").pk).update(status="past_due")
    tier = Tier.objects.get(product__slug="hare", slug="pro")
    for kind in (License.Kind.COMPLIMENTARY, License.Kind.EVALUATION):
        License.objects.filter(pk=make_license(tier=tier).pk).update(kind=kind)

    shown = text_of(owner, f"/owner/catalog/products/{hare().pk}/close/")

    for to, says in (
        ("subscribers (1)", "nothing will be charged any more"),
        ("whoever has an open invoice (1)", "An invoice of it is open"),
        ("whoever was given it (1)", "Your license of Hare Pro stays as it is until"),
        ("whoever evaluates it (1)", "Your evaluation of Hare Pro stays as it is until"),
    ):
        assert f"The mail to {to}, as the first of them gets it" in shown
        assert says in shown


def test_what_is_given_up_renews_nowhere_and_works_until_it_is_over(owner: Client, shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    mail.outbox = []
    close_product(hare().pk, at=timezone.now())
    shop.settle()

    row = Subscription.objects.get()
    assert row.cancel_at == row.current_period_end
    assert [one.subject for one in mail.outbox if "company" in one.to[0]] == [
        f"Hare is being given up; yours works until {row.cancel_at:%-d %B %Y}"
    ]
    assert "Hare" not in text_of(Client(), "/pricing/")
    assert License.objects.get().status == License.Status.ACTIVE
    shop.advance(days=32)
    shop.settle()

    assert License.objects.get().status == License.Status.LAPSED
    assert hare().status == Product.Status.RETIRED
    assert (
        "Hare has ended; it is retired" in OwnerNotice.objects.get(key__startswith="retired:").text
    )
    assert Client().get("/products/hare/changelog/").status_code == 200


def test_a_holder_cannot_take_the_end_back_nor_change_the_plan(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    close_product(hare().pk, at=timezone.now())
    shop.settle()
    row, client = Subscription.objects.get(), Client()
    client.force_login(User.objects.get(email="dev@company.example"))

    shown = text_of(client, "/account/")
    assert "Hare is not sold any more; nothing renews, and it works until" in shown
    assert "Do not cancel" not in shown
    said = post(client, f"/account/subscriptions/{row.pk}/resume/")
    shop.settle()

    assert "Not changed: Hare is not sold any more." in said
    assert Subscription.objects.get().cancel_at is not None


def test_a_purchase_that_was_on_its_way_ends_with_its_first_period(shop: Shop):
    buyer = Buyer(shop)
    asked = buyer.press_buy("pro_monthly")
    close_product(hare().pk, at=timezone.now())
    buyer.pay(asked["Location"])
    shop.settle()

    assert Subscription.objects.get().cancel_at is not None
    assert Client().post("/checkout/", {"nonce": "n" * 32, "price": "pro_monthly"}).url == (
        "/pricing/"
    )


def test_only_what_is_on_sale_is_given_up_and_only_once(shop: Shop):
    draft = Product.objects.create(slug="toad", name="Toad", status=Product.Status.DRAFT)

    with pytest.raises(NotOnSale):
        close_product(draft.pk, at=timezone.now())
    told = [close_product(hare().pk, at=timezone.now()) for _ in range(2)]

    assert told == [True, False]


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_crashed_anywhere_tells_and_ends_each_once(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    close_product(hare().pk, at=timezone.now())

    def told_with_its_row() -> None:
        told = Mail.objects.filter(key__startswith="closing:").count()
        assert told == Closing.objects.count()
        shop.clock.move_to(timezone.now() + LEASE + timedelta(seconds=1))

    crashes = crashes_in_turn(lambda: close_subscriptions(timezone.now()), told_with_its_row)
    shop.settle()

    assert crashes >= 3
    assert Subscription.objects.get().cancel_at is not None
    assert Mail.objects.filter(key__startswith="closing:").count() == 1
