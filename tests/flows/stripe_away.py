"""The stories in which Stripe fails at one of our requests; `striking.py` says how."""

from collections.abc import Callable
from contextlib import suppress
from io import StringIO

from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.utils import timezone

from billing.closings import close_product
from billing.contracts import make_invoice_contract
from billing.models import (
    Chore,
    Dispute,
    GuaranteeRefund,
    InvoiceContract,
    Payment,
    Price,
    PriceMove,
    StripePrice,
    Subscription,
)
from billing.price_moves import announce_move
from licenses.models import Customer, License, Product
from tests.flows.at_stripe import pay_a_second_page
from tests.flows.changing import confirm, customer, preview, subscribed
from tests.flows.striking import Part, Story
from tests.flows.test_money_in_any_order import pay_after_the_end
from tests.make import make_customer
from tests.shop import Buyer, Shop

TRIES = 4  # how often people press again


def _insist(press: Callable[[], HttpResponse]) -> str:
    """Press, and again while the page says that Stripe does not answer; what it says at last."""
    said = ""
    for _ in range(TRIES):
        said = press().content.decode()
        if "does not answer" not in said:
            return said
    raise AssertionError(said)


def _nothing(shop: Shop) -> None:
    """The shop is new."""


def _have_pro(shop: Shop) -> None:
    subscribed(shop, "pro_monthly")


def _have_enterprise(shop: Shop) -> None:
    subscribed(shop, "enterprise_monthly", 3)


def _buy(shop: Shop) -> None:
    buyer = Buyer(shop)
    for _ in range(TRIES):
        response = buyer.press_buy("pro_monthly", nonce="n" * 32)
        if response.status_code == 303:
            break
        assert "does not answer" in response.content.decode()
    back = buyer.pay(response["Location"])
    for _ in range(TRIES):
        buyer.client.get(back)
    shop.settle()


def _one_license(shop: Shop) -> None:
    row = License.objects.get()
    assert (row.status, row.tier.slug) == ("active", "pro")
    counts = shop.stripe_counts()
    assert counts["checkout.session"] == counts["customer"] == counts["subscription"] == 1
    assert Payment.objects.count() == 1


def _change(lookup_key: str, quantity: int = 1) -> Part:
    def act(shop: Shop) -> None:
        subscription = Subscription.objects.get()
        path = f"/account/subscriptions/{subscription.pk}/change/"
        form = {"price": lookup_key, "quantity": quantity}
        for _ in range(TRIES):
            page = _insist(lambda: customer().get(path, form, follow=True))
            if 'name="change"' not in page:
                return  # it was done, and the page says so
            said = confirm(subscription, page)
            shop.advance(seconds=20)
            shop.settle()
            if "does not answer" not in said:
                return
            assert "Nothing was changed" not in said  # who knows?
        raise AssertionError(said)

    return act


def _is_enterprise(shop: Shop) -> None:
    row = License.objects.get()
    assert (row.tier.slug, row.threads, Payment.objects.count()) == ("enterprise", 200, 2)


def _will_be_one_block(shop: Shop) -> None:
    row = Subscription.objects.get()
    assert (row.quantity, row.planned_quantity, Payment.objects.count()) == (3, 1, 1)
    assert shop.stripe_counts()["subscription_schedule"] == 1


def _press(verb: str) -> Part:
    def act(shop: Shop) -> None:
        path = f"/account/subscriptions/{Subscription.objects.get().pk}/{verb}/"
        _insist(lambda: customer().post(path, follow=True))
        shop.settle()

    return act


def _plan_less(shop: Shop) -> None:
    _have_enterprise(shop)
    subscription = Subscription.objects.get()
    confirm(subscription, preview(subscription, "enterprise_monthly", 1))
    shop.settle()


def _has_no_plan(shop: Shop) -> None:
    row = Subscription.objects.get()
    assert (row.quantity, row.planned_quantity, row.schedule_id) == (3, None, "")


def _will_end(shop: Shop) -> None:
    row = Subscription.objects.get()
    assert (row.cancel_at, row.status) == (row.current_period_end, "active")


def _have_canceled(shop: Shop) -> None:
    _have_pro(shop)
    _press("cancel")(shop)


def _goes_on(shop: Shop) -> None:
    row = Subscription.objects.get()
    assert (row.cancel_at, row.status) == (None, "active")


def _all_is_back(shop: Shop) -> None:
    assert GuaranteeRefund.objects.get().state == "done"
    assert [one.is_refunded for one in Payment.objects.all()] == [True]
    assert shop.stripe_counts()["refund"] == 1
    assert Subscription.objects.get().status == "canceled"


def _month_later(shop: Shop) -> None:
    shop.advance(days=31, hours=3)
    shop.settle()


def _renewed(shop: Shop) -> None:
    assert Payment.objects.count() == 2
    assert License.objects.get().paid_through == Subscription.objects.get().current_period_end


def _have_dispute(shop: Shop) -> None:
    _have_pro(shop)
    payment = Payment.objects.get().stripe_id
    shop.standin.control("POST", "disputes", {"payment_intent": payment})
    shop.settle()


def _lose_it(shop: Shop) -> None:
    dispute = Dispute.objects.get().stripe_id
    shop.standin.control("POST", f"disputes/{dispute}", {"outcome": "lost"})
    shop.settle()


def _is_revoked(shop: Shop) -> None:
    assert License.objects.get().status == "revoked"
    assert Subscription.objects.get().status == "canceled"
    assert shop.stripe_counts().get("refund", 0) == 0


def _announce_a_move(shop: Shop) -> None:
    subscription = subscribed(shop, "pro_yearly")
    Price.objects.filter(lookup_key="pro_yearly").update(unit_amount_cents=109500)
    call_command("sync_catalog", stdout=StringIO())
    move = announce_move(subscription.pk, at=timezone.now())
    shop.settle()  # its mail leaves
    shop.advance(seconds=(move.at - timezone.now()).total_seconds() - 23 * 3600)


def _settle(shop: Shop) -> None:
    shop.settle()


def _has_moved(shop: Shop) -> None:
    shop.advance(days=2)
    shop.settle()
    assert PriceMove.objects.get().state == "moved"
    amounts = Payment.objects.order_by("paid_at").values_list("amount_cents", flat=True)
    assert list(amounts) == [99500, 109500]


def _agree_by_invoice(shop: Shop) -> None:
    make_invoice_contract(
        customer=make_customer("boss@big.example"),
        price=Price.objects.get(lookup_key="enterprise_yearly"),
        quantity=10,
        at=timezone.now(),
    )


def _has_an_invoice(shop: Shop) -> None:
    contract = InvoiceContract.objects.get()
    assert contract.subscription is not None
    counts = shop.stripe_counts()
    assert (counts["subscription"], counts["invoice"], counts["customer"]) == (1, 1, 1)
    (invoice,) = shop.ask_stripe("GET", "/v1/invoices")["data"]
    assert invoice["status"] == "open"


def _late_went_back(shop: Shop) -> None:
    payments = Payment.objects.order_by("paid_at")
    assert [one.is_refunded for one in payments] == [False, True]
    assert shop.stripe_counts()["refund"] == 1


def _pay_twice(shop: Shop) -> None:
    _have_pro(shop)
    pay_a_second_page(shop, Customer.objects.get())


def _one_went_back(shop: Shop) -> None:
    statuses = Subscription.objects.order_by("pk").values_list("status", flat=True)
    assert list(statuses) == ["active", "canceled"]
    assert shop.stripe_counts()["refund"] == 1


def _lose_a_months_events(shop: Shop) -> None:
    _have_pro(shop)
    subscription = Subscription.objects.get().stripe_id
    shop.advance(days=31, hours=3)
    shop.ask_stripe("POST", f"/v1/subscriptions/{subscription}", "cancel_at_period_end=true")
    shop.take()


def _ask_at_night(shop: Shop) -> None:
    Chore.objects.filter(name="reconcile").update(due_at=timezone.now())
    shop.settle()


def _knows_of_the_month(shop: Shop) -> None:
    _renewed(shop)
    _will_end(shop)


def _give_hare_up(shop: Shop) -> None:
    close_product(Product.objects.get(slug="hare").pk, at=timezone.now())
    shop.settle()


def _make_it_dearer(shop: Shop) -> None:
    Price.objects.filter(lookup_key="pro_monthly").update(unit_amount_cents=10900)


def _sync_catalog(shop: Shop) -> None:
    for _ in range(TRIES):
        with suppress(CommandError):
            call_command("sync_catalog", stdout=StringIO())
            return
    raise AssertionError("the catalog was never synced")


def _sells_dearer(shop: Shop) -> None:
    (price,) = shop.ask_stripe("GET", "/v1/prices?lookup_keys[0]=pro_monthly")["data"]
    assert price["unit_amount"] == 10900
    known = StripePrice.objects.filter(price__lookup_key="pro_monthly")
    assert known.count() == 2
    assert Price.objects.get(lookup_key="pro_monthly").stripe_id == price["id"]
    assert shop.stripe_counts()["price"] == StripePrice.objects.count()


def _close_the_account(shop: Shop) -> None:
    path = f"/account/{Customer.objects.get().pk}/close/"
    _insist(lambda: customer().post(path, {"sure": "yes"}, follow=True))
    shop.settle()


def _is_closed(shop: Shop) -> None:
    assert Customer.objects.get().closed_at is not None
    row = Subscription.objects.get()
    assert row.cancel_at is not None or row.status == "canceled"


def _open_stripes_page(shop: Shop) -> None:
    path = f"/account/subscriptions/{Subscription.objects.get().pk}/billing/"
    for _ in range(TRIES):
        if "/p/session/" in (where := customer().post(path).get("Location", "")):
            return
    raise AssertionError(where)


STORIES: dict[str, Story] = {
    "buy": Story(_nothing, _buy, _one_license, 12),
    "upgrade": Story(_have_pro, _change("enterprise_monthly", 2), _is_enterprise, 13),
    "downgrade": Story(_have_enterprise, _change("enterprise_monthly", 1), _will_be_one_block, 8),
    "keep what was to be less": Story(_plan_less, _press("keep"), _has_no_plan, 6),
    "cancel": Story(_have_pro, _press("cancel"), _will_end, 6),
    "resume": Story(_have_canceled, _press("resume"), _goes_on, 5),
    "guarantee": Story(_have_pro, _press("refund"), _all_is_back, 12),
    "renewal": Story(_have_pro, _month_later, _renewed, 8),
    "lost dispute": Story(_have_dispute, _lose_it, _is_revoked, 19),
    "price move": Story(_announce_a_move, _settle, _has_moved, 3),
    "contract": Story(_agree_by_invoice, _settle, _has_an_invoice, 9),
    "late payment": Story(pay_after_the_end, _settle, _late_went_back, 15),
    "second subscription": Story(_pay_twice, _settle, _one_went_back, 23),
    "night": Story(_lose_a_months_events, _ask_at_night, _knows_of_the_month, 9),
    "product given up": Story(_have_pro, _give_hare_up, _will_end, 1),
    "catalog": Story(_make_it_dearer, _sync_catalog, _sells_dearer, 5),
    "account closed": Story(_have_pro, _close_the_account, _is_closed, 5),
    "Stripe's page": Story(_have_pro, _open_stripes_page, _goes_on, 2),
}
