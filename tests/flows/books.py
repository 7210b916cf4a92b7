"""The five invariants that every story of billing ends with (docs/scenarios.md)."""

from collections import Counter
from typing import Any

from django.db.models import Sum

from billing.models import DirtyObject, GuaranteeRefund, Payment, Refund, StripePrice, Subscription
from licenses.models import License
from outbox.models import Mail
from tests.shop import Shop

ACTIVE = {"active", "trialing", "past_due"}


def books_agree(shop: Shop) -> None:
    """Assert (a) to (e): rights follow Stripe, money adds up, nothing is left to do, mail is once.

    (c), every byte valid against Stripe's description, is asserted by the stand-in itself: it
    answers 500 and the story fails.
    """
    theirs = {row["id"]: row for row in pages(shop, "/v1/subscriptions?status=all")}
    ours = {row.stripe_id: row for row in Subscription.objects.select_related("license")}
    known = set(StripePrice.objects.values_list("stripe_id", flat=True))
    mine = {
        stripe_id: row
        for stripe_id, row in theirs.items()
        if row["items"]["data"][0]["price"]["id"] in known and row["status"] != "incomplete"
    }
    assert set(ours) == set(mine)
    for stripe_id, row in mine.items():
        _rights_follow(ours[stripe_id], row)
    _money_adds_up(shop)
    assert not DirtyObject.objects.exclude(due_at=None).exists()
    assert not GuaranteeRefund.objects.exclude(state="done").exists()
    assert not Mail.objects.filter(sent_at=None).exists()
    assert max(Counter(Mail.objects.values_list("key", flat=True)).values(), default=1) == 1


def _rights_follow(ours: Subscription, theirs: dict[str, Any]) -> None:
    item = theirs["items"]["data"][0]
    assert (ours.status, ours.quantity) == (theirs["status"], item["quantity"])
    if ours.license is None:
        return
    status = ours.license.status
    jobs = GuaranteeRefund.objects.filter(subscription=ours)
    if jobs.exclude(cause=GuaranteeRefund.Cause.REPLACED).exists():
        assert status == License.Status.REVOKED
    elif theirs["status"] not in ACTIVE:
        assert status in {"lapsed", "revoked", "suspended"}, (status, theirs["status"])
    elif theirs["status"] == "active" and not theirs["cancel_at"]:
        assert status in {"active", "suspended", "revoked"}, status


def _money_adds_up(shop: Shop) -> None:
    charges = [c for c in pages(shop, "/v1/charges") if c["status"] == "succeeded"]
    known = set(Payment.objects.values_list("stripe_id", flat=True))
    charges = [charge for charge in charges if charge["payment_intent"] in known]
    paid = Payment.objects.aggregate(sum=Sum("amount_cents"))["sum"] or 0
    refunds = Refund.objects.exclude(status__in=Refund.UNDONE)
    back = refunds.aggregate(sum=Sum("amount_cents"))["sum"] or 0
    assert paid == sum(charge["amount"] for charge in charges)
    assert back == sum(charge["amount_refunded"] for charge in charges)


def pages(shop: Shop, path: str) -> list[dict[str, Any]]:
    """Every object of a list at Stripe."""
    rows: list[dict[str, Any]] = []
    joined = "&" if "?" in path else "?"
    while True:
        after = f"&starting_after={rows[-1]['id']}" if rows else ""
        page = shop.ask_stripe("GET", f"{path}{joined}limit=100{after}")
        rows += page["data"]
        if not page["has_more"]:
            return rows
