"""What was given up is told to the owner: once, with the page where it can be tried again."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from billing.guarantee import request_guarantee
from billing.models import GuaranteeRefund, OwnerNotice, Subscription
from outbox.claims import MAX_ATTEMPTS
from outbox.models import Mail
from portal.given_up import OPEN_AT_ONCE, tell_of_given_up
from tests.shop import Buyer, Shop

OWNER = "owner@shop.example"


@pytest.fixture(autouse=True)
def _owner(settings: Any) -> None:
    settings.OWNER_EMAIL = OWNER


def dead_mail(number: int, to: str = "dev@company.example") -> Mail:
    return Mail.objects.create(
        key=f"fact:{number}",
        to=[to],
        subject="Hello",
        body="Hello",
        due_at=timezone.now(),
        attempts=MAX_ATTEMPTS,
        last_error="SMTPException: no route for sk_live_1234567890",
        dead_at=timezone.now(),
    )


def test_a_refund_that_stripe_never_takes_is_told_and_closed_when_it_went(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    request_guarantee(Subscription.objects.get().pk, at=timezone.now())
    shop.fail_stripe("POST", "/v1/refunds", kind="500", when="before", times=100)
    for _ in range(MAX_ATTEMPTS + 1):
        shop.work()
        shop.advance(hours=2)

    notice = OwnerNotice.objects.get(key__startswith="given-up:billing.guaranteerefund:")
    assert notice.needs_him
    assert "was given up after 12 tries: StripeUnavailable" in notice.text
    assert f"/billing/guaranteerefund/{GuaranteeRefund.objects.get().pk}/change/" in notice.text
    assert [sent.to for sent in mail.outbox if "given up" in sent.body] == [[OWNER]]

    shop.standin.control("DELETE", "faults")
    GuaranteeRefund.objects.try_again(timezone.now())
    shop.settle()
    notice.refresh_from_db()
    assert GuaranteeRefund.objects.get().state == GuaranteeRefund.State.DONE
    assert notice.closed_at is not None


@pytest.mark.django_db
def test_it_is_told_once_and_again_only_when_it_died_again():
    row = dead_mail(1)
    assert [tell_of_given_up(timezone.now()) for _ in range(3)] == [1, 0, 0]

    Mail.objects.try_again(timezone.now())
    assert tell_of_given_up(timezone.now()) == 0
    assert OwnerNotice.objects.get().closed_at is not None

    Mail.objects.filter(pk=row.pk).update(dead_at=timezone.now() + timedelta(hours=4))
    assert tell_of_given_up(timezone.now()) == 1
    assert OwnerNotice.objects.count() == Mail.objects.filter(to=[OWNER]).count() == 2


@pytest.mark.django_db
def test_what_the_owner_closed_stays_closed():
    dead_mail(1)
    tell_of_given_up(timezone.now())
    OwnerNotice.objects.update(closed_at=timezone.now())

    assert tell_of_given_up(timezone.now()) == 0
    assert OwnerNotice.objects.get().closed_at is not None


@pytest.mark.django_db
def test_the_notice_shows_no_secret_and_a_mail_to_the_owner_is_no_reason_for_another():
    dead_mail(1)
    dead_mail(2, to=OWNER)

    assert tell_of_given_up(timezone.now()) == 1
    assert "sk_live_" not in OwnerNotice.objects.get().text


@pytest.mark.django_db
def test_a_day_without_a_mail_server_is_no_flood():
    for number in range(OPEN_AT_ONCE + 5):
        dead_mail(number)

    told = [tell_of_given_up(timezone.now()) for _ in range(3)]

    assert told == [OPEN_AT_ONCE, 0, 0]


@pytest.mark.django_db
def test_when_all_is_well_it_asks_twice_however_many_kinds_of_rows_there_are(
    django_assert_num_queries: Any,
):
    with django_assert_num_queries(2):
        assert tell_of_given_up(timezone.now()) == 0
