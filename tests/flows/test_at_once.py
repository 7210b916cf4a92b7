"""The same thing done by several processes at the same instant, on a real database file."""

import random

import pytest
from django.utils import timezone

from billing.models import Cart, DirtyObject, StripeEvent, Subscription
from billing.sync import sync_subscription_now
from licenses.models import Credential, Customer, License, LicenseEvent
from outbox.models import Mail
from portal.management.commands.work import work_once
from tests.flows.books import books_agree
from tests.flows.processes import together
from tests.shop import Buyer, Shop

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]
PROCESSES = 4
ROUNDS = 8
STORM, STORMERS = 30, 8


@pytest.fixture
def paid(shop: Shop) -> list[dict[str, str]]:
    """Somebody paid; the events that Stripe holds back."""
    buyer = Buyer(shop)
    buyer.pay(buyer.press_buy("enterprise_monthly", quantity=2)["Location"])
    return shop.take()


def test_the_same_event_in_several_processes_is_kept_once(shop: Shop, paid: list[dict[str, str]]):
    created = next(one for one in paid if one["type"] == "customer.subscription.created")

    for _ in range(ROUNDS):
        StripeEvent.objects.all().delete()
        DirtyObject.objects.all().delete()
        together(PROCESSES, lambda _: _must_be_200(shop.post(created)))

        assert StripeEvent.objects.count() == 1
        assert DirtyObject.objects.get().hints == 1


def test_all_events_in_several_processes_make_one_of_everything(
    shop: Shop, paid: list[dict[str, str]]
):
    def deliver_and_work(number: int) -> None:
        for delivery in paid[number::2] + paid[:number:3]:
            _must_be_200(shop.post(delivery))
        shop.work()

    together(PROCESSES, deliver_and_work)
    shop.work()

    assert License.objects.get().threads == 200
    assert LicenseEvent.objects.count() == 1
    assert Credential.objects.count() == Customer.objects.count() == 1
    assert list(Mail.objects.values_list("key", flat=True)) == [
        f"welcome:{Subscription.objects.get().stripe_id}"
    ]


def test_a_storm_of_thirty_events_from_eight_processes_ends_in_stripes_truth(shop: Shop):
    """Scenario 39: in any order, each from several at once, workers among them."""
    Buyer(shop).buy("enterprise_monthly", 2)
    path = f"/v1/subscriptions/{Subscription.objects.get().stripe_id}"
    storm: list[dict[str, str]] = []
    while len(storm) < STORM:
        for form in ("cancel_at_period_end=true", "cancel_at_period_end=false"):
            shop.ask_stripe("POST", path, form)
        shop.ask_stripe("POST", "/v1/refunds", f"payment_intent={_payment_intent(shop)}&amount=100")
        storm += shop.take()

    def deliver(number: int) -> None:
        chance = random.Random(number)
        mine = [one for one in storm if chance.random() < 0.5] + storm[number::STORMERS]
        for delivery in chance.sample(mine, len(mine)):
            _must_be_200(shop.post(delivery))
            if chance.random() < 0.2:
                work_once()

    together(STORMERS, deliver)
    for _ in range(2):
        shop.advance(minutes=10)  # a lease that somebody lost to a lock is over by then
        shop.settle()

    assert {one["id"] for one in storm} <= set(
        StripeEvent.objects.values_list("stripe_id", flat=True)
    )
    assert License.objects.get().status == License.Status.ACTIVE
    assert License.objects.get().threads == 200
    assert Mail.objects.filter(key__startswith="welcome:").count() == 1
    books_agree(shop)


def _payment_intent(shop: Shop) -> str:
    charges = shop.ask_stripe("GET", "/v1/charges?limit=1")["data"]
    return str(charges[0]["payment_intent"])


def test_two_workers_and_two_welcome_pages_agree_on_one_license(
    shop: Shop, paid: list[dict[str, str]]
):
    for delivery in paid:
        _must_be_200(shop.post(delivery))
    stripe_id = DirtyObject.objects.get(kind="subscription").stripe_id

    def act(number: int) -> None:
        if number % 2:
            shop.work()
        else:
            sync_subscription_now(stripe_id)

    together(PROCESSES, act)
    shop.work()

    assert License.objects.get().rev == 1
    assert Subscription.objects.count() == Credential.objects.count() == 1
    assert Mail.objects.filter(sent_at__isnull=False).count() == 1


def test_a_double_click_in_two_processes_is_one_cart_and_one_session(shop: Shop):
    nonce = "n" * 32

    together(2, lambda _: _must_be_303(Buyer(shop).press_buy("pro_monthly", nonce=nonce)))

    assert Cart.objects.count() == 1
    assert shop.stripe_counts()["checkout.session"] == 1


def test_one_mail_is_sent_by_one_of_many_workers(
    shop: Shop, paid: list[dict[str, str]], tmp_path, settings
):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path
    for number in range(20):
        Mail.objects.create(
            key=f"fact:{number}", to=["a@example.com"], subject="s", body="b", due_at=timezone.now()
        )

    together(PROCESSES, lambda _: shop.work())

    sent = "".join(file.read_text() for file in tmp_path.iterdir())
    assert sent.count("Message-ID:") == 20
    assert len(set(sent.split("Message-ID:")[1:])) == 20


def _must_be_200(status: int) -> None:
    assert status == 200


def _must_be_303(response: object) -> None:
    assert response.status_code == 303  # type: ignore[attr-defined]
