"""Prices move by the owner's hand only: announced, undone until a day before, right at renewal."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from billing.models import Payment, Price, PriceMove, Subscription
from billing.price_moves import NoMove, announce_move, undo_move
from licenses.models import License, User
from outbox.claims import LEASE
from outbox.models import Mail
from tests.cards import OTHER_GOOD, THIRD_GOOD
from tests.flows.at_stripe import subjects
from tests.flows.books import books_agree
from tests.flows.crashing import crashes_in_turn
from tests.shop import Buyer, Shop


class Quiet:
    def write(self, text: str) -> None:
        """Drop it."""


@pytest.fixture
def dearer(shop: Shop) -> Shop:
    """One bought Pro monthly and yearly each at the old price; it costs more now."""
    Buyer(shop).buy("pro_monthly")
    Buyer(shop, email="year@company.example").buy("pro_yearly", card=OTHER_GOOD)
    shop.settle()
    mail.outbox.clear()
    Price.objects.filter(lookup_key="pro_monthly").update(unit_amount_cents=10900)
    Price.objects.filter(lookup_key="pro_yearly").update(unit_amount_cents=109500)
    call_command("sync_catalog", stdout=Quiet())
    return shop


def monthly() -> Subscription:
    return Subscription.objects.get(price__lookup_key="pro_monthly")


def yearly() -> Subscription:
    return Subscription.objects.get(price__lookup_key="pro_yearly")


def announce(subscription: Subscription) -> PriceMove:
    return announce_move(subscription.pk, at=timezone.now())


def advance_to(shop: Shop, moment: datetime) -> None:
    """A day at a time, with the worker on its way."""
    while timezone.now() < moment:
        left = (moment - timezone.now()).total_seconds()
        shop.advance(seconds=min(left + 1, 24 * 3600))
        shop.settle()


def paid(subscription: Subscription) -> list[int]:
    rows = Payment.objects.filter(subscription=subscription).order_by("paid_at")
    return list(rows.values_list("amount_cents", flat=True))


def remote_amount(shop: Shop, subscription: Subscription) -> int:
    row = shop.ask_stripe("GET", f"/v1/subscriptions/{subscription.stripe_id}")
    amount: int = row["items"]["data"][0]["price"]["unit_amount"]
    return amount


def test_a_new_price_moves_nobody_by_itself(dearer: Shop):
    advance_to(dearer, timezone.now() + timedelta(days=65))

    assert paid(monthly()) == [9900, 9900, 9900]
    assert monthly().total_cents == 9900
    assert not [one for one in subjects() if "price" in one.lower()]
    client = Client()
    client.force_login(User.objects.get(email="dev@company.example"))
    assert "$99 per month" in client.get("/account/").content.decode()


def test_the_mail_leaves_at_once_and_the_price_changes_at_a_renewal_30_days_later(dearer: Shop):
    began = timezone.now()
    move = announce(monthly())
    dearer.settle()
    (told,) = [sent for sent in mail.outbox if "price" in sent.subject.lower()]
    assert told.to == ["dev@company.example"]
    assert "costs you $99 per month" in told.body
    assert "will cost $109 per month" in told.body
    assert f"{move.at:%B %Y}" in told.body
    assert move.at >= began + timedelta(days=30)

    advance_to(dearer, move.at + timedelta(hours=3))
    advance_to(dearer, timezone.now() + timedelta(days=1))

    before = [cents for cents in paid(monthly()) if cents == 9900]
    assert paid(monthly()) == [*before, 10900]
    first_new = Payment.objects.get(amount_cents=10900)
    assert first_new.paid_at >= began + timedelta(days=30)
    assert abs(first_new.paid_at - move.at) < timedelta(days=2)
    assert PriceMove.objects.get().state == "moved"
    assert License.objects.get(source__endswith=monthly().stripe_id).status == "active"
    assert monthly().total_cents == 10900
    assert len(subjects()) == 1
    books_agree(dearer)


def test_a_year_moves_at_the_years_end_without_a_charge_before(dearer: Shop):
    move = announce(yearly())
    dearer.settle()
    assert move.at == yearly().current_period_end

    dearer.advance(seconds=(move.at - timezone.now()).total_seconds() - 3600)
    dearer.settle()

    assert remote_amount(dearer, yearly()) == 109500
    assert paid(yearly()) == [99500]
    dearer.advance(days=1)
    dearer.settle()
    assert paid(yearly()) == [99500, 109500]
    books_agree(dearer)


def test_told_twice_it_is_announced_once(dearer: Shop):
    assert announce(monthly()) == announce(monthly())
    dearer.settle()

    assert len([one for one in subjects() if "price" in one.lower()]) == 1


def test_undone_in_time_the_old_price_stays_and_the_customer_knows(dearer: Shop):
    move = announce(yearly())
    dearer.settle()
    dearer.advance(seconds=(move.at - timezone.now()).total_seconds() - 2 * 24 * 3600)
    dearer.settle()

    assert undo_move(move.pk, at=timezone.now())
    assert not undo_move(move.pk, at=timezone.now())
    dearer.advance(days=3)
    dearer.settle()

    assert paid(yearly()) == [99500, 99500]
    assert "The price of Hare Pro stays as it is" in subjects()
    assert PriceMove.objects.get().state == "undone"
    books_agree(dearer)


def test_once_moved_it_cannot_be_undone(dearer: Shop):
    move = announce(yearly())
    dearer.settle()
    dearer.advance(seconds=(move.at - timezone.now()).total_seconds() - 3600)
    dearer.settle()

    assert not undo_move(move.pk, at=timezone.now())
    assert PriceMove.objects.get().state == "moved"


def test_a_mail_that_left_late_moves_the_price_a_renewal_later(dearer: Shop):
    move = announce(monthly())
    Mail.objects.filter(key=f"price-move:{move.pk}").update(
        due_at=timezone.now() + timedelta(days=40)
    )

    advance_to(dearer, move.at + timedelta(hours=3))

    assert PriceMove.objects.get().state == "announced"
    assert 10900 not in paid(monthly())
    advance_to(dearer, move.at + timedelta(days=33))
    assert PriceMove.objects.get().state == "moved"
    assert paid(monthly())[-1] == 10900


def test_a_worker_that_slept_over_the_renewal_moves_at_the_next(dearer: Shop):
    move = announce(monthly())
    dearer.settle()

    for _ in range(3):
        dearer.advance(days=31)
    dearer.settle()
    assert 10900 not in paid(monthly())
    assert timezone.now() > move.at

    dearer.clock.move_to(timezone.now() + timedelta(hours=3))
    dearer.settle()
    advance_to(dearer, timezone.now() + timedelta(days=33))
    assert paid(monthly())[-1] == 10900


def test_who_cancels_meanwhile_never_pays_the_new_price(dearer: Shop):
    move = announce(yearly())
    dearer.settle()
    path = f"/v1/subscriptions/{yearly().stripe_id}"
    dearer.ask_stripe("POST", path, "cancel_at_period_end=true")
    dearer.settle()

    dearer.advance(seconds=(move.at - timezone.now()).total_seconds() + 24 * 3600)
    dearer.settle()

    assert paid(yearly()) == [99500]
    assert PriceMove.objects.get().state == "undone"
    books_agree(dearer)


def test_who_has_changed_to_another_price_meanwhile_is_left_alone(dearer: Shop):
    move = announce(monthly())
    dearer.settle()
    row = dearer.ask_stripe("GET", f"/v1/subscriptions/{monthly().stripe_id}")
    enterprise = Price.objects.get(lookup_key="enterprise_monthly")
    subscription = monthly()
    dearer.ask_stripe(
        "POST",
        f"/v1/subscriptions/{subscription.stripe_id}",
        f"items[0][id]={row['items']['data'][0]['id']}&items[0][price]={enterprise.stripe_id}"
        "&items[0][quantity]=2&proration_behavior=always_invoice",
    )
    dearer.settle()

    advance_to(dearer, move.at)

    move.refresh_from_db()
    assert move.state == "undone"
    assert enterprise.stripe_id in move.note


def test_the_quantity_stays(shop: Shop):
    Buyer(shop).buy("enterprise_yearly", quantity=7)
    shop.settle()
    Price.objects.filter(lookup_key="enterprise_yearly").update(volume_tiers=[[None, 300000]])
    call_command("sync_catalog", stdout=Quiet())
    subscription = Subscription.objects.get()
    assert subscription.total_cents == 7 * 249000
    move = announce(subscription)
    shop.settle()

    shop.advance(seconds=(move.at - timezone.now()).total_seconds() + 2 * 3600 - 24 * 3600)
    shop.settle()
    shop.advance(days=1)
    shop.settle()

    assert paid(subscription) == [7 * 249000, 7 * 300000]
    assert License.objects.get().threads == 700
    books_agree(shop)


def test_who_does_not_move_is_refused_with_a_sentence(dearer: Shop):
    Buyer(dearer, email="new@company.example").buy("pro_monthly", card=THIRD_GOOD)
    dearer.settle()

    with pytest.raises(NoMove, match="today's price already"):
        announce(Subscription.objects.latest("pk"))
    dearer.ask_stripe("DELETE", f"/v1/subscriptions/{yearly().stripe_id}")
    dearer.settle()
    with pytest.raises(NoMove, match="has ended"):
        announce(yearly())


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["500", "reset"])
def test_a_stripe_that_fails_is_asked_again_and_moves_once(dearer: Shop, kind: str, when: str):
    move = announce(yearly())
    dearer.settle()
    path = f"/v1/subscriptions/{yearly().stripe_id}"
    dearer.fail_stripe("POST", path, kind=kind, when=when, times=2)

    dearer.advance(seconds=(move.at - timezone.now()).total_seconds() - 23 * 3600)
    dearer.settle()
    assert not undo_move(move.pk, at=timezone.now())  # it may be at Stripe already
    dearer.advance(minutes=2)
    dearer.settle()
    dearer.advance(days=2)
    dearer.settle()

    assert PriceMove.objects.get().state == "moved"
    assert paid(yearly()) == [99500, 109500]
    books_agree(dearer)


@pytest.mark.django_db(transaction=True)
def test_a_crash_before_any_write_moves_once(dearer: Shop):
    move = announce(yearly())
    dearer.settle()
    dearer.advance(seconds=(move.at - timezone.now()).total_seconds() - 23 * 3600)

    def wait_for_the_lease() -> None:
        dearer.clock.move_to(timezone.now() + LEASE + timedelta(seconds=1))

    crashes = crashes_in_turn(dearer.work, wait_for_the_lease)
    dearer.settle()
    dearer.advance(days=2)
    dearer.settle()

    assert crashes >= 3
    assert paid(yearly()) == [99500, 109500]
    books_agree(dearer)


def test_the_owner_shows_announces_and_undoes_in_the_admin(dearer: Shop, settings: Any):
    settings.OWNER_NEEDS_SECOND_FACTOR = False
    owner = Client()
    owner.force_login(User.objects.create_superuser("owner@shop.example", "owner's password"))
    rows = [monthly().pk, yearly().pk]

    def act(model: str, action: str, chosen: list[int]) -> str:
        data = {"action": action, "_selected_action": chosen}
        return owner.post(f"/owner/billing/{model}/", data, follow=True).content.decode()

    shown = act("subscription", "show_price_move", rows)
    assert "from $99 to $109 per month" in shown
    assert not PriceMove.objects.exists()
    act("subscription", "announce_price_move", rows)
    assert PriceMove.objects.filter(state="announced").count() == 2
    assert "keeps its price" in act("pricemove", "undo", [PriceMove.objects.first().pk])
    assert PriceMove.objects.filter(state="announced").count() == 1
