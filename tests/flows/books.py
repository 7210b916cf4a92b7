"""The five invariants that every story of billing ends with (docs/scenarios.md)."""

from collections import Counter, defaultdict
from typing import Any

from django.core import mail
from django.db.models import Sum
from django.utils import timezone

from billing.models import (
    DirtyObject,
    GuaranteeRefund,
    InvoiceContract,
    LateRefund,
    Payment,
    PriceMove,
    Refund,
    SecondBackup,
    StripePrice,
    Subscription,
)
from lib.times import from_unix
from licenses.models import License, LicenseEvent
from outbox.models import Mail
from tests.shop import Shop

ACTIVE = {"active", "trialing", "past_due"}
Json = dict[str, Any]


def books_agree(shop: Shop, *, torn: int = 0) -> None:
    """Assert (a) to (e): rights follow Stripe, money adds up, nothing is left to do, mail is once.

    *torn* attempts ended, or were taken over, at any moment: each may have sent one mail that was
    not marked as sent, so that the same mail, with the same Message-ID, left once more.

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
    invoices = _paid_invoices(shop)
    for stripe_id, row in mine.items():
        _rights_follow(ours[stripe_id], row, invoices[stripe_id])
        _rights_are_what_was_paid(shop, ours[stripe_id], row, invoices[stripe_id])
    _money_adds_up(shop)
    _nothing_is_left()
    _mail_is_once(torn)


def _paid_invoices(shop: Shop) -> dict[str, list[Json]]:
    """By subscription, the newest first."""
    found: dict[str, list[Json]] = defaultdict(list)
    for invoice in pages(shop, "/v1/invoices?status=paid"):
        details = (invoice["parent"] or {}).get("subscription_details") or {}
        found[details.get("subscription", "")].append(invoice)
    return found


def _rights_follow(ours: Subscription, theirs: Json, paid: list[Json]) -> None:
    item = theirs["items"]["data"][0]
    assert (ours.status, ours.quantity) == (theirs["status"], item["quantity"])
    job = GuaranteeRefund.objects.filter(subscription=ours).first()
    if ours.license is None:
        timely = [one for one in paid if _is_timely(one, theirs)]
        assert not timely or (job is not None and job.cause == "duplicate"), "paid for nothing"
        return
    status = ours.license.status
    if job is not None and job.cause != GuaranteeRefund.Cause.REPLACED:
        assert status == License.Status.REVOKED
    elif theirs["status"] not in ACTIVE:
        assert status in {"lapsed", "revoked", "suspended"}, (status, theirs["status"])
    elif (
        theirs["status"] == "active" and not theirs["cancel_at"] and not theirs["pause_collection"]
    ):
        assert status in {"active", "suspended", "revoked"}, status


def _rights_are_what_was_paid(
    shop: Shop, ours: Subscription, theirs: Json, paid: list[Json]
) -> None:
    """Tier, threads and end, from Stripe's newest paid invoice alone."""
    if ours.license is None or ours.license.status == License.Status.REVOKED:
        return
    for invoice in paid:
        lines = [line for line in _lines(shop, invoice) if line["pricing"] and line["quantity"]]
        bought = [(_price_of(line), line) for line in lines if line["amount"] >= 0]
        sold = [(price, line) for price, line in bought if price is not None]
        if sold and _is_timely(invoice, theirs):
            price, line = max(sold, key=lambda one: (one[1]["period"]["end"], one[1]["amount"]))
            blocks = price.price.tier.slug.startswith("enterprise")
            should = (
                price.price.tier_id,
                line["quantity"] * 100 if blocks else None,
                from_unix(line["period"]["end"]),
            )
            is_ = (ours.license.tier_id, ours.license.threads, ours.license.paid_through)
            assert is_ == should, (ours, is_, should)
            return


def _lines(shop: Shop, invoice: Json) -> list[Json]:
    if not invoice["lines"]["has_more"]:
        return list(invoice["lines"]["data"])
    return pages(shop, f"/v1/invoices/{invoice['id']}/lines")


def _price_of(line: Json) -> StripePrice | None:
    stripe_id = line["pricing"]["price_details"]["price"]
    rows = StripePrice.objects.select_related("price__tier")
    return rows.filter(stripe_id=stripe_id).first()


def _is_timely(invoice: Json, subscription: Json) -> bool:
    ended_at = subscription["ended_at"]
    return not ended_at or invoice["status_transitions"]["paid_at"] <= ended_at


def _money_adds_up(shop: Shop) -> None:
    charges = [c for c in pages(shop, "/v1/charges") if c["status"] == "succeeded"]
    known = set(Payment.objects.values_list("stripe_id", flat=True))
    charges = [charge for charge in charges if charge["payment_intent"] in known]
    paid = Payment.objects.aggregate(sum=Sum("amount_cents"))["sum"] or 0
    refunds = Refund.objects.exclude(status__in=Refund.UNDONE)
    back = refunds.aggregate(sum=Sum("amount_cents"))["sum"] or 0
    assert paid == sum(charge["amount"] for charge in charges)
    assert back == sum(charge["amount_refunded"] for charge in charges)


def _nothing_is_left() -> None:
    """No job that was begun waits; those that wait for a date, or a signature, are not due."""
    assert not DirtyObject.objects.exclude(due_at=None).exists()
    assert not GuaranteeRefund.objects.exclude(state="done").exists()
    assert not LateRefund.objects.exclude(due_at=None).exists()
    for kind in (InvoiceContract, PriceMove, SecondBackup):
        assert not kind.objects.due(timezone.now()).exists(), kind
        assert not kind.objects.exclude(dead_at=None).exists(), kind
    assert not Mail.objects.filter(sent_at=None).exists()


def _mail_is_once(torn: int) -> None:
    """Each mail left once, and there are no more of them than facts that they tell."""
    sent = Counter(one.extra_headers["Message-ID"] for one in getattr(mail, "outbox", []))
    assert sent.total() - len(sent) <= torn, sent
    keys = Mail.objects.values_list("key", flat=True)
    told = Counter(key.split(":")[0] for key in keys)
    happened = Counter(LicenseEvent.objects.values_list("name", flat=True))
    assert told["welcome"] == License.objects.filter(source__startswith="stripe:").count()
    assert told["ended"] <= happened["lapsed"]
    assert told["changed"] <= happened["changed"] + happened["renewed"]
    assert told["refunded"] <= GuaranteeRefund.objects.count()


def pages(shop: Shop, path: str) -> list[Json]:
    """Every object of a list at Stripe."""
    rows: list[Json] = []
    joined = "&" if "?" in path else "?"
    while True:
        after = f"&starting_after={rows[-1]['id']}" if rows else ""
        page = shop.ask_stripe("GET", f"{path}{joined}limit=100{after}")
        rows += page["data"]
        if not page["has_more"]:
            return rows
