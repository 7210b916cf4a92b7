"""What the bank takes: inquiries, disputes that are opened, won, lost and prevented."""

import pytest
from django.core import mail
from django.utils import timezone

from billing.guarantee import request_guarantee
from billing.models import Dispute, GuaranteeRefund, OwnerNotice, Payment, Refund, Subscription
from licenses.models import License
from tests.flows.books import books_agree
from tests.flows.disputing import (
    decide,
    dispute,
    given_back,
    notices,
    refund,
    sent_to_customer,
    status,
)
from tests.shop import Shop


def test_an_inquiry_changes_nothing_and_tells_the_owner(shop: Shop, payment: Payment):
    dispute_id = dispute(shop, payment, "warning_needs_response")

    assert status() == License.Status.ACTIVE
    assert any(text.startswith("Inquiry") for text in notices())
    decide(shop, dispute_id, "warning_closed")
    assert status() == License.Status.ACTIVE
    assert OwnerNotice.objects.filter(needs_him=True, closed_at=None).count() == 0


@pytest.mark.parametrize("is_answered", [False, True])
def test_an_inquiry_that_becomes_a_dispute_is_told_again(shop, payment, is_answered):
    dispute_id = dispute(shop, payment, "warning_needs_response")
    if is_answered:
        shop.ask_stripe("POST", f"/v1/disputes/{dispute_id}", "evidence[product_description]=It")
        shop.settle()

    decide(shop, dispute_id, "escalated")

    row = Dispute.objects.get()
    assert row.due_by is not None
    assert status() == License.Status.SUSPENDED
    (waiting,) = OwnerNotice.objects.filter(needs_him=True, closed_at=None)
    assert waiting.text.startswith(f"Dispute {dispute_id} ($99, general)")
    assert f"answer in the Dashboard by {row.due_by:%Y-%m-%d %H:%M} UTC" in waiting.text
    decide(shop, dispute_id, "won")
    assert not OwnerNotice.objects.filter(needs_him=True, closed_at=None).exists()


def test_a_dispute_suspends_at_once_and_a_won_one_brings_everything_back(shop, payment):
    dispute_id = dispute(shop, payment)
    assert status() == License.Status.SUSPENDED
    assert any("answer in the Dashboard by" in text for text in notices())

    decide(shop, dispute_id, "won")

    assert status() == License.Status.ACTIVE
    assert OwnerNotice.objects.filter(needs_him=True, closed_at=None).count() == 0
    books_agree(shop)


def test_a_lost_dispute_revokes_for_good_and_ends_the_subscription(shop, payment):
    decide(shop, dispute(shop, payment), "lost")

    assert status() == License.Status.REVOKED
    assert Subscription.objects.get().status == "canceled"
    assert GuaranteeRefund.objects.get().cause == "fraud"
    assert "Hare Pro is canceled" in [sent.subject for sent in mail.outbox]
    assert "Your bank took a disputed payment for Hare Pro back from us" in sent_to_customer()
    assert "nothing comes back" not in sent_to_customer()
    told = OwnerNotice.objects.get(key__startswith="refund-job:").text
    assert told.startswith("The bank took the disputed money of")
    assert "$0" not in told
    books_agree(shop)


def test_a_dispute_that_was_prevented_is_as_a_refund(shop: Shop, payment: Payment):
    dispute(shop, payment, "prevented")

    assert status() == License.Status.REVOKED


def test_a_status_newer_than_this_code_is_kept_and_flagged(shop: Shop, payment: Payment):
    dispute_id = dispute(shop, payment)
    shop.standin.control(
        "POST", f"disputes/{dispute_id}", {"status_unchecked": "appeal_needs_response"}
    )
    shop.settle()

    assert Dispute.objects.get().status == "appeal_needs_response"
    assert any("state we do not know" in text for text in notices())
    assert status() == License.Status.SUSPENDED
    # An inquiry of a new kind moves no money.
    shop.standin.control("POST", f"disputes/{dispute_id}", {"status_unchecked": "warning_new"})
    shop.settle()
    assert status() == License.Status.ACTIVE


def test_the_guarantee_while_disputed_leaves_the_money_to_the_dispute(shop, payment):
    dispute_id = dispute(shop, payment)
    request_guarantee(payment.subscription.pk, at=timezone.now())
    shop.settle()

    job = GuaranteeRefund.objects.get()
    assert (job.state, job.amount_cents) == ("done", 0)
    assert "refund" not in shop.stripe_counts()
    assert "your bank holds that money and decides about it" in sent_to_customer()
    assert "nothing comes back" not in sent_to_customer()
    assert "$0" not in OwnerNotice.objects.get(key__startswith="refund-job:").text
    decide(shop, dispute_id, "won")
    assert status() == License.Status.REVOKED


def test_a_dispute_on_a_refunded_charge_leaves_it_revoked(shop: Shop, payment: Payment):
    refund(shop, payment)
    shop.settle()

    decide(shop, dispute(shop, payment), "won")

    assert status() == License.Status.REVOKED
    assert Dispute.objects.get().status == "won"


@pytest.mark.parametrize("order", ["reversed", "shuffled"])
def test_a_dispute_and_its_end_in_any_order_end_the_same(shop, payment, order):
    row = shop.standin.control("POST", "disputes", {"payment_intent": payment.stripe_id})
    shop.standin.control("POST", f"disputes/{row['id']}", {"outcome": "won"})

    shop.deliver(order=order, copies=2, seed=3)
    shop.work()

    assert status() == License.Status.ACTIVE
    assert Dispute.objects.get().status == "won"


@pytest.mark.parametrize("outcome", ["lost", "prevented"])
def test_a_dispute_about_a_month_takes_no_other_months_money(
    shop: Shop, payment: Payment, second_month: Payment, outcome: str
):
    if outcome == "lost":
        decide(shop, dispute(shop, second_month), "lost")
    else:
        dispute(shop, second_month, "prevented")

    assert given_back()[payment.stripe_id] == 0
    assert status() == License.Status.REVOKED
    assert shop.stripe_counts().get("refund", 0) == Refund.objects.count()


@pytest.mark.parametrize("outcome", ["lost", "won"])
def test_a_month_that_was_paid_while_suspended_goes_back_when_the_dispute_is_lost(
    shop: Shop, payment: Payment, outcome: str
):
    shop.advance(days=28)
    dispute_id = dispute(shop, payment)
    shop.advance(days=4)
    shop.settle()
    unserved = Payment.objects.exclude(pk=payment.pk).get()

    decide(shop, dispute_id, outcome)

    lost = outcome == "lost"
    assert given_back() == {payment.stripe_id: 0, unserved.stripe_id: 9900 if lost else 0}
    assert status() == (License.Status.REVOKED if lost else License.Status.ACTIVE)
    assert ("We have given back $99" in sent_to_customer()) is lost
    books_agree(shop)


def test_a_month_that_was_paid_after_a_dispute_was_won_stays_paid_when_another_is_lost(
    shop: Shop, payment: Payment
):
    decide(shop, dispute(shop, payment), "won")
    shop.advance(days=32)
    shop.settle()
    later = Payment.objects.exclude(pk=payment.pk).get()
    shop.advance(days=32)
    shop.settle()
    last = Payment.objects.exclude(pk__in=[payment.pk, later.pk]).get()

    decide(shop, dispute(shop, last), "lost")

    assert given_back() == {payment.stripe_id: 0, later.stripe_id: 0, last.stripe_id: 0}
    books_agree(shop)
