"""Buying on the hosted page, card by card."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import stripe

from tests.cards import DECLINED, GOOD, THREE_D_SECURE

from .process import FORM, NotPaidError, StandIn
from .shop import DAY, Shop


def page(standin: StandIn, url: str | None) -> str:
    return standin.request("GET", urlsplit(url or "").path).text


def test_a_good_card_makes_everything_that_was_promised(shop: Shop) -> None:
    price = shop.pro()
    session = shop.session(
        price, client_reference_id="cart-7", subscription_data={"metadata": {"cart": "7"}}
    )
    before = (session.customer, session.subscription, session.invoice, session.payment_intent)

    back = shop.standin.pay_checkout(session.url or "")

    assert before == (None, None, None, None)
    assert back == f"https://shop.example/welcome?id={session.id}"
    expand = ["subscription.latest_invoice", "line_items", "customer"]
    paid = shop.client.v1.checkout.sessions.retrieve(session.id, {"expand": expand})
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert (paid.amount_total, paid.client_reference_id) == (9900, "cart-7")
    subscription = paid.subscription
    assert isinstance(subscription, stripe.Subscription)
    assert subscription.status == "active"
    assert subscription.metadata.to_dict() == {"cart": "7"}
    assert subscription.default_payment_method is not None
    invoice = subscription.latest_invoice
    assert isinstance(invoice, stripe.Invoice)
    assert (invoice.status, invoice.amount_paid) == ("paid", 9900)
    assert invoice.billing_reason == "subscription_create"
    intent = shop.client.v1.payment_intents.retrieve(shop.intent_of(str(invoice.id)))
    charge = shop.client.v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.paid, charge.amount, charge.customer) == (True, 9900, intent.customer)


@pytest.mark.parametrize(
    ("blocks", "cents"),
    [(1, 26900), (4, 107600), (5, 124500), (9, 224100), (10, 229000), (19, 435100), (20, 438000)],
)
def test_volume_prices_are_right_to_the_cent(shop: Shop, blocks: int, cents: int) -> None:
    session = shop.session(shop.enterprise(), blocks)

    shop.standin.pay_checkout(session.url or "")

    paid = shop.client.v1.checkout.sessions.retrieve(session.id, {"expand": ["invoice"]})
    assert isinstance(paid.invoice, stripe.Invoice)
    assert (session.amount_total, paid.invoice.total) == (cents, cents)


def test_the_buyer_may_choose_another_quantity(shop: Shop) -> None:
    item = {
        "price": shop.enterprise().id,
        "quantity": 3,
        "adjustable_quantity": {"enabled": True, "minimum": 1, "maximum": 50},
    }
    session = shop.session(shop.pro(), line_items=[item])

    with pytest.raises(NotPaidError, match="between 1 and 50"):
        shop.standin.pay_checkout(session.url or "", quantity=51)
    shop.standin.pay_checkout(session.url or "", quantity=12)

    paid = shop.client.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]})
    assert paid.amount_total == 12 * 22900
    assert shop.subscription(str(paid.subscription))["items"].data[0].quantity == 12


def test_a_declined_card_leaves_the_session_open(shop: Shop) -> None:
    session = shop.session(shop.pro())

    with pytest.raises(NotPaidError, match=r"402: Your card was declined\."):
        shop.standin.pay_checkout(session.url or "", card=DECLINED)

    assert shop.client.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert shop.client.v1.subscriptions.list({"status": "all"}).data == []
    assert shop.client.v1.customers.list().data == []
    assert shop.standin.pay_checkout(session.url or "").startswith("https://shop.example/welcome")


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ("4000000000009995", "insufficient funds"),
        ("4000000000000069", "expired"),
        ("4000000000000127", "security code"),
        ("4242424242424241", "not one of the test cards"),
    ],
)
def test_the_page_says_why_a_card_was_refused(shop: Shop, card: str, words: str) -> None:
    session = shop.session(shop.pro())

    with pytest.raises(NotPaidError, match=words):
        shop.standin.pay_checkout(session.url or "", card=card)


def test_3d_secure_is_asked_for_and_passed(shop: Shop) -> None:
    session = shop.session(shop.pro())

    shop.standin.pay_checkout(session.url or "", card=THREE_D_SECURE)

    assert shop.client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_failed_3d_secure_buys_nothing(shop: Shop) -> None:
    session = shop.session(shop.pro())

    with pytest.raises(NotPaidError, match="unable to authenticate"):
        shop.standin.pay_checkout(session.url or "", card=THREE_D_SECURE, authenticate=False)

    assert shop.client.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert shop.client.v1.subscriptions.list({"status": "all"}).data == []


def test_paying_twice_pays_once(shop: Shop) -> None:
    session = shop.session(shop.pro())
    shop.standin.pay_checkout(session.url or "")

    with pytest.raises(NotPaidError, match="Already paid"):
        shop.standin.pay_checkout(session.url or "")

    assert len(shop.client.v1.charges.list().data) == 1


def test_a_session_expires_after_a_day(shop: Shop) -> None:
    session = shop.session(shop.pro())
    shop.standin.advance(DAY + 1)

    with pytest.raises(NotPaidError, match="expired"):
        shop.standin.pay_checkout(session.url or "")

    assert shop.client.v1.checkout.sessions.retrieve(session.id).status == "expired"
    assert shop.standin.take()[-1]["type"] == "checkout.session.expired"


def test_an_open_session_can_be_expired_once(shop: Shop) -> None:
    session = shop.session(shop.pro())

    expired = shop.client.v1.checkout.sessions.expire(session.id)

    assert (expired.status, expired.url) == ("expired", None)
    with pytest.raises(stripe.InvalidRequestError, match="status of `expired`"):
        shop.client.v1.checkout.sessions.expire(session.id)


def test_an_existing_customer_is_used_and_not_asked_for_an_email(shop: Shop) -> None:
    customer = shop.client.v1.customers.create({"email": "known@example.com"})
    session = shop.session(shop.pro(), customer=customer.id)

    html = page(shop.standin, session.url)
    shop.standin.pay_checkout(session.url or "", email="")

    assert 'name="email"' not in html
    assert "known@example.com" in html
    found = shop.client.v1.checkout.sessions.list({"customer": customer.id}).data
    assert [each.id for each in found] == [session.id]
    by_subscription: Any = {"subscription": str(found[0].subscription)}
    assert shop.client.v1.checkout.sessions.list(by_subscription).data[0].id == session.id


def test_sessions_offer_more_than_cards_unless_told_otherwise(shop: Shop) -> None:
    item = {"price": shop.pro().id, "quantity": 1}
    params: Any = {"mode": "subscription", "success_url": "https://a.example", "line_items": [item]}

    session = shop.client.v1.checkout.sessions.create(params)

    assert session.payment_method_types == ["card", "klarna", "link", "us_bank_account"]


def test_the_page_needs_no_script_and_escapes_what_it_shows(shop: Shop) -> None:
    product = shop.client.v1.products.create({"name": "<script>alert(1)</script>"})
    session = shop.session(shop.pro(product=product.id))

    answer = shop.standin.request("GET", urlsplit(session.url or "").path)

    assert "<script" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "$99.00" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert (
        shop.standin.request("GET", "/c/style.css").headers["content-type"].startswith("text/css")
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"email": "nobody"}, "email address"),
        ({"card_number": ""}, "card number is missing"),
        ({"exp": "soon"}, "MM/YY"),
        ({"exp": "12/20"}, "in the past"),
        ({"cvc": "1"}, "security code"),
        ({"country": "Germany"}, "two letters"),
    ],
)
def test_bad_input_is_named(shop: Shop, fields: dict[str, str], words: str) -> None:
    session = shop.session(shop.pro())
    good = {
        "email": "a@b.co",
        "card_number": GOOD,
        "exp": "12/34",
        "cvc": "123",
        "country": "DE",
    }

    path = urlsplit(session.url or "").path
    answer = shop.standin.request("POST", path, urlencode(good | fields), FORM)

    assert answer.status == 400
    assert words in answer.text


def test_a_link_to_nowhere_is_a_404(standin: StandIn) -> None:
    assert standin.request("GET", "/c/pay/cs_test_none").status == 404


def test_eight_clicks_at_once_pay_once(shop: Shop) -> None:
    session = shop.session(shop.pro())

    def click(_: int) -> bool:
        try:
            return bool(shop.standin.pay_checkout(session.url or ""))
        except NotPaidError:
            return False

    with ThreadPoolExecutor(8) as pool:
        paid = list(pool.map(click, range(8)))

    assert paid.count(True) == 1
    assert len(shop.client.v1.charges.list().data) == 1
    assert len(shop.client.v1.subscriptions.list().data) == 1
