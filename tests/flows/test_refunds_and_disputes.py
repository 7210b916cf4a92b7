"""Money that goes back by other hands: the Dashboard, the bank, the cardholder."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from billing.guarantee import request_guarantee
from billing.models import Dispute, GuaranteeRefund, OwnerNotice, Payment, Refund, Subscription
from licenses.models import License
from tests.flows.books import books_agree
from tests.flows.disputing import decide, dispute, status
from tests.shop import Buyer, Shop


@pytest.fixture
def payment(shop: Shop) -> Payment:
    """Somebody bought Pro, and all is settled."""
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    return Payment.objects.get()


def refund(shop: Shop, payment: Payment, cents: int | None = None) -> dict[str, Any]:
    """As the owner does in the Dashboard."""
    amount = f"&amount={cents}" if cents else ""
    row: dict[str, Any] = shop.ask_stripe(
        "POST", "/v1/refunds", f"payment_intent={payment.stripe_id}{amount}"
    )
    return row


def notices() -> list[str]:
    return list(OwnerNotice.objects.filter(needs_him=True).values_list("text", flat=True))


def test_a_full_refund_in_the_dashboard_cancels_and_revokes(shop: Shop, payment: Payment):
    refund(shop, payment)
    shop.settle()

    assert status() == License.Status.REVOKED
    assert Subscription.objects.get().status == "canceled"
    assert GuaranteeRefund.objects.get().cause == "dashboard"
    assert shop.stripe_counts()["refund"] == 1
    books_agree(shop)


def test_partial_refunds_are_recorded_and_revoke_only_when_all_is_back(shop, payment):
    refund(shop, payment, 4000)
    shop.settle()
    assert status() == License.Status.ACTIVE
    assert payment.refunded_cents == 4000
    books_agree(shop)

    refund(shop, payment, 5900)
    shop.settle()
    assert Refund.objects.count() == 2
    assert status() == License.Status.REVOKED
    books_agree(shop)


def test_the_first_refund_told_again_changes_nothing(shop: Shop, payment: Payment):
    refund(shop, payment, 4000)
    told = shop.take()
    for _ in range(3):
        for delivery in told:
            assert shop.post(delivery) == 200
        shop.work()

    assert Refund.objects.count() == 1
    assert status() == License.Status.ACTIVE


def test_a_refund_that_fails_leaves_access_ended_and_tells_the_owner(shop, payment):
    shop.standin.control("POST", "refunds", {"next": "pending"})
    request_guarantee(payment.subscription.pk, at=timezone.now())
    shop.settle()
    row = Refund.objects.get()
    assert (row.status, status()) == ("pending", License.Status.REVOKED)

    shop.standin.control(
        "POST", f"refunds/{row.stripe_id}",
        {"status": "failed", "failure_reason": "lost_or_stolen_card"},
    )  # fmt: skip
    shop.settle()

    row.refresh_from_db()
    assert (row.status, status()) == ("failed", License.Status.REVOKED)
    assert any("failed (lost_or_stolen_card)" in text for text in notices())


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


def test_a_refund_event_that_comes_before_its_purchase_is_not_lost(shop: Shop):
    buyer = Buyer(shop)
    buyer.pay(buyer.press_buy("pro_monthly")["Location"])
    intent = shop.ask_stripe("GET", "/v1/payment_intents?limit=1")["data"][0]["id"]
    shop.ask_stripe("POST", "/v1/refunds", f"payment_intent={intent}")
    told = shop.take()
    first = [one for one in told if one["type"].startswith(("refund", "charge.refunded"))]

    for delivery in first:
        assert shop.post(delivery) == 200
    shop.work()
    shop.clock.move_to(timezone.now() + timedelta(minutes=1))
    shop.settle()

    assert status() == License.Status.REVOKED
    assert Refund.objects.count() == 1


@pytest.mark.parametrize("order", ["reversed", "shuffled"])
def test_a_dispute_and_its_end_in_any_order_end_the_same(shop, payment, order):
    row = shop.standin.control("POST", "disputes", {"payment_intent": payment.stripe_id})
    shop.standin.control("POST", f"disputes/{row['id']}", {"outcome": "won"})

    shop.deliver(order=order, copies=2, seed=3)
    shop.work()

    assert status() == License.Status.ACTIVE
    assert Dispute.objects.get().status == "won"


@pytest.fixture
def second_month(shop: Shop, payment: Payment) -> Payment:
    """A month has gone by, and the next was paid."""
    shop.advance(days=32)
    shop.settle()
    return Payment.objects.exclude(pk=payment.pk).get()


def given_back() -> dict[str, int]:
    """Cents by payment."""
    return {one.stripe_id: one.refunded_cents for one in Payment.objects.all()}


def test_a_month_refunded_in_the_dashboard_takes_no_other_months_money(
    shop: Shop, payment: Payment, second_month: Payment
):
    refund(shop, second_month)
    shop.settle()

    assert given_back() == {payment.stripe_id: 0, second_month.stripe_id: 9900}
    assert status() == License.Status.REVOKED
    assert Subscription.objects.get().status == "canceled"
    assert "We have given back $99 for Hare Pro" in sent_to_customer()
    books_agree(shop)


def test_what_the_owner_gives_back_after_the_job_is_told_once_too(
    shop: Shop, payment: Payment, second_month: Payment
):
    refund(shop, second_month)
    shop.settle()
    shop.advance(minutes=5)

    refund(shop, payment)
    for _ in range(2):
        shop.settle()

    assert given_back() == {payment.stripe_id: 9900, second_month.stripe_id: 9900}
    told = [one.subject for one in mail.outbox if "on its way back" in one.subject]
    assert told == [
        "Your money for Hare Pro is on its way back",
        "$99 for Hare Pro is on its way back",
    ]
    books_agree(shop)


def test_what_the_owner_gives_back_after_a_late_warning_is_told(
    shop: Shop, payment: Payment, second_month: Payment, settings: Any
):
    settings.REFUND_FRAUD_WARNINGS = True
    decide(shop, dispute(shop, second_month), "lost")
    warn(shop, payment)

    refund(shop, payment)
    shop.settle()

    assert [one.subject for one in mail.outbox].count("$99 for Hare Pro is on its way back") == 1


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


def test_a_fraud_warning_asks_the_owner_until_it_is_settled(shop: Shop, payment: Payment):
    warn(shop, payment)
    (notice,) = OwnerNotice.objects.filter(key=f"fraud-warning:{payment.stripe_id}")
    assert notice.needs_him
    assert status() == License.Status.ACTIVE

    refund(shop, payment)
    shop.settle()
    notice.refresh_from_db()
    assert notice.closed_at is not None
    assert status() == License.Status.REVOKED
    books_agree(shop)


def test_a_fraud_warning_gives_that_payment_back_where_the_owner_wants_it(
    shop: Shop, payment: Payment, second_month: Payment, settings: Any
):
    settings.REFUND_FRAUD_WARNINGS = True

    for _ in range(2):
        warn(shop, second_month)

    assert given_back() == {payment.stripe_id: 0, second_month.stripe_id: 9900}
    assert shop.stripe_counts()["refund"] == 1
    assert status() == License.Status.REVOKED
    assert Subscription.objects.get().status == "canceled"
    assert GuaranteeRefund.objects.get().amount_cents == 9900
    assert "We have given back $99 for Hare Pro" in sent_to_customer()
    books_agree(shop)


def test_a_fraud_warning_after_the_end_asks_the_owner_even_so(
    shop: Shop, payment: Payment, second_month: Payment, settings: Any
):
    settings.REFUND_FRAUD_WARNINGS = True
    decide(shop, dispute(shop, second_month), "lost")

    warn(shop, payment)

    notice = OwnerNotice.objects.get(key=f"fraud-warning:{payment.stripe_id}")
    assert notice.closed_at is None
    assert given_back()[payment.stripe_id] == 0


def test_a_crash_before_any_write_of_a_fraud_warnings_refund_tells_the_same(
    shop: Shop, payment: Payment, settings: Any
):
    settings.REFUND_FRAUD_WARNINGS = True
    shop.standin.control("POST", "early_fraud_warnings", {"payment_intent": payment.stripe_id})
    shop.deliver()
    shop.fail_stripe("POST", "/v1/refunds", kind="reset", when="after", times=2)

    for _ in range(3):
        shop.settle()
        shop.advance(minutes=2)
    shop.settle()

    assert GuaranteeRefund.objects.get().amount_cents == 9900
    assert given_back() == {payment.stripe_id: 9900}
    books_agree(shop)


def warn(shop: Shop, payment: Payment) -> None:
    shop.standin.control("POST", "early_fraud_warnings", {"payment_intent": payment.stripe_id})
    shop.settle()


def sent_to_customer() -> str:
    """All that was written to him, on one line."""
    sent = [one.body for one in mail.outbox if one.to == ["dev@company.example"]]
    return " ".join(" ".join(sent).split())
