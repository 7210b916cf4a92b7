"""Mails that billing owes a customer: each once per fact, and none that he need not read."""

from datetime import date, timedelta
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.utils import timezone

from billing.models import Payment, Price, Subscription
from billing.price_moves import announce_move
from licenses.models import License
from outbox.models import Mail
from tests.cards import ALWAYS_ASKS, REFUND_FAILS
from tests.flows.books import books_agree
from tests.shop import Buyer, Shop
from tests.standin.process import FORM


def subjects() -> list[str]:
    return [sent.subject for sent in mail.outbox if sent.to == ["dev@company.example"]]


def bought(shop: Shop, lookup_key: str, **options: object) -> Subscription:
    Buyer(shop).buy(lookup_key, **options)
    shop.settle()
    mail.outbox.clear()
    return Subscription.objects.get()


def go_to(shop: Shop, moment) -> None:
    shop.advance(seconds=(moment - timezone.now()).total_seconds())
    shop.settle()


def days_before_the_end(shop: Shop, days: int) -> None:
    end = Subscription.objects.get().current_period_end
    go_to(shop, end - timedelta(days=days) + timedelta(minutes=1))


def card_expires(shop: Shop, when: date) -> None:
    customer = shop.ask_stripe("GET", "/v1/customers")["data"][0]["id"]
    method = shop.ask_stripe("GET", f"/v1/customers/{customer}/payment_methods")["data"][0]["id"]
    shop.ask_stripe(
        "POST",
        f"/v1/payment_methods/{method}",
        f"card[exp_month]={when.month}&card[exp_year]={when.year}",
    )
    shop.settle()


def test_a_yearly_renewal_is_told_30_and_7_days_before_with_the_amount(shop: Shop):
    end = bought(shop, "pro_yearly").current_period_end

    days_before_the_end(shop, 31)
    assert subjects() == []
    days_before_the_end(shop, 30)
    assert subjects() == [f"Hare Pro renews on {end.day} {end:%B %Y}"]
    assert "$995 per year" in mail.outbox[0].body
    assert "nothing to do" in mail.outbox[0].body
    days_before_the_end(shop, 20)
    assert len(subjects()) == 1
    days_before_the_end(shop, 7)
    days_before_the_end(shop, 1)
    assert len(subjects()) == 2
    go_to(shop, end + timedelta(days=2))
    assert len(subjects()) == 2
    books_agree(shop)


def test_after_a_stop_only_the_newer_notice_is_sent(shop: Shop):
    bought(shop, "pro_yearly")

    days_before_the_end(shop, 3)

    assert len(subjects()) == 1


def test_a_month_and_a_canceled_year_are_not_announced(shop: Shop):
    subscription = bought(shop, "pro_yearly")
    path = f"/v1/subscriptions/{subscription.stripe_id}"
    shop.ask_stripe("POST", path, "cancel_at_period_end=true")
    shop.settle()
    days_before_the_end(shop, 5)

    assert not [one for one in subjects() if "renews" in one]


def test_the_notice_names_the_price_that_was_announced(shop: Shop):
    subscription = bought(shop, "pro_yearly")
    Price.objects.filter(lookup_key="pro_yearly").update(unit_amount_cents=109500)
    from django.core.management import call_command

    call_command("sync_catalog", verbosity=0, stdout=Quiet())
    announce_move(subscription.pk, at=timezone.now())
    shop.settle()
    mail.outbox.clear()

    days_before_the_end(shop, 30)

    assert "$1,095 per year" in mail.outbox[0].body


class Quiet:
    def write(self, text: str) -> None:
        """Drop it."""


def test_a_card_that_expires_before_the_next_payment_is_told_once(shop: Shop):
    subscription = bought(shop, "pro_monthly")
    end = subscription.current_period_end
    card_expires(shop, (end.replace(day=1) - timedelta(days=1)).date())  # the month before

    for _ in range(3):
        shop.advance(days=1)
        shop.settle()

    assert subjects() == ["Your card for Hare Pro expires"]
    assert "ending in 4242" in mail.outbox[0].body


def test_a_card_that_is_charged_once_more_before_it_expires_waits(shop: Shop):
    bought(shop, "pro_monthly")
    end = Subscription.objects.get().current_period_end
    card_expires(shop, end.date())  # to the last day of that month

    shop.work()

    assert subjects() == []


def test_a_year_is_not_warned_of_a_card_months_before(shop: Shop):
    bought(shop, "pro_yearly")
    card_expires(shop, (timezone.now() + timedelta(days=150)).date())

    shop.advance(days=60)
    shop.settle()
    assert subjects() == []
    shop.advance(days=60)
    shop.settle()
    assert subjects() == ["Your card for Hare Pro expires"]
    days_before_the_end(shop, 29)
    assert "will have expired by then" in mail.outbox[-1].body


def test_another_card_ends_the_matter(shop: Shop):
    subscription = bought(shop, "pro_monthly")
    card_expires(shop, timezone.now().date())
    assert subjects() == ["Your card for Hare Pro expires"]

    customer = shop.ask_stripe("GET", "/v1/customers")["data"][0]["id"]
    path = "/v1/payment_methods/pm_card_mastercard/attach"
    method = shop.ask_stripe("POST", path, f"customer={customer}")["id"]
    shop.ask_stripe(
        "POST",
        f"/v1/subscriptions/{subscription.stripe_id}",
        f"default_payment_method={method}",
    )
    shop.settle()
    shop.advance(days=35)
    shop.settle()

    subscription.refresh_from_db()
    assert subscription.card_last4 == "4444"
    assert subjects() == ["Your card for Hare Pro expires"]
    assert Payment.objects.count() == 2


def test_a_bank_that_asks_at_renewal_is_told_once_with_the_link(shop: Shop):
    bought(shop, "pro_monthly", card=ALWAYS_ASKS)

    shop.advance(days=31, hours=3)
    shop.settle()
    shop.settle()

    assert subjects() == ["Please confirm your payment for Hare Pro"]
    assert Subscription.objects.get().pay_url in mail.outbox[0].body
    assert "/i/in_" in mail.outbox[0].body
    assert License.objects.get().status == License.Status.ACTIVE
    shop.advance(days=3, hours=1)
    shop.settle()
    assert subjects()[1:] == ["Still unpaid: Hare Pro"]


def test_a_refund_in_part_is_told_once(shop: Shop):
    bought(shop, "pro_monthly")
    payment = Payment.objects.get()
    shop.ask_stripe("POST", "/v1/refunds", f"payment_intent={payment.stripe_id}&amount=4000")

    shop.deliver(copies=2)
    shop.work()
    shop.settle()

    assert subjects() == ["$40 for Hare Pro is on its way back"]
    books_agree(shop)


def test_a_refund_of_all_is_told_by_its_job_only(shop: Shop):
    bought(shop, "pro_monthly")
    payment = Payment.objects.get()

    shop.ask_stripe("POST", "/v1/refunds", f"payment_intent={payment.stripe_id}")
    shop.settle()

    assert [one for one in subjects() if "way back" in one] == [
        "Your money for Hare Pro is on its way back"
    ]


def test_a_refund_that_failed_is_told_to_the_customer_too(shop: Shop):
    bought(shop, "pro_monthly", card=REFUND_FAILS)
    payment = Payment.objects.get()
    shop.ask_stripe("POST", "/v1/refunds", f"payment_intent={payment.stripe_id}&amount=4000")
    shop.settle()

    shop.advance(hours=2)
    shop.settle()

    assert subjects() == [
        "$40 for Hare Pro is on its way back",
        "Your refund for Hare Pro could not be paid out",
    ]


@pytest.mark.parametrize("lookup_key", ["pro_monthly", "pro_yearly"])
def test_a_silent_payer_gets_no_mail_for_three_quarters_of_a_year(shop: Shop, lookup_key: str):
    bought(shop, lookup_key)

    for _ in range(9):
        shop.advance(days=30)
        shop.settle()

    assert subjects() == []


def test_reminders_that_were_told_cost_two_queries_each(shop: Shop, django_assert_num_queries):
    from billing.reminders import remind_cards, remind_renewals

    bought(shop, "pro_yearly")
    days_before_the_end(shop, 20)
    assert Mail.objects.filter(key__startswith="renews:").count() == 1

    with django_assert_num_queries(2):
        assert remind_renewals(timezone.now()) == 0
    with django_assert_num_queries(1):
        assert remind_cards(timezone.now()) == 0


def test_confirmed_at_the_bank_it_goes_on_without_interruption(shop: Shop):
    bought(shop, "pro_monthly", card=ALWAYS_ASKS)
    shop.advance(days=31, hours=3)
    shop.settle()

    page = urlsplit(Subscription.objects.get().pay_url).path
    answer = shop.standin.request("POST", f"{page}/3ds", "outcome=complete", FORM)
    shop.settle()

    assert answer.status == 303
    assert Subscription.objects.get().status == "active"
    assert Payment.objects.count() == 2
    license = License.objects.get()
    assert license.paid_through > timezone.now()
    assert [event.name for event in license.events.all()] == ["renewed", "issued"]
    assert subjects() == ["Please confirm your payment for Hare Pro"]
    books_agree(shop)
