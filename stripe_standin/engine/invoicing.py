"""Invoices as drafts: their lines and what they come to."""

from ..contract import Json, blank
from ..lists import whole
from ..operations import nulls
from ..world import World
from .coupons import discounts_of, drop_used
from .sums import settle

DRAFT_SECONDS = 3600  # "about an hour": docs.stripe.com/billing/invoices/subscription
ACCOUNT_COUNTRY, ACCOUNT_NAME = "US", "Wheelbarrow test account"


def invoice_body(
    world: World,
    subscription: Json,
    lines: list[Json],
    *,
    reason: str,
    invoice_id: str = "",
    discounts: list[Json] | None = None,
) -> Json:
    """A draft of these lines, not put anywhere: a preview is the same thing.

    *discounts*: instead of the subscription's own.
    """
    invoice_id = invoice_id or world.new_id("in_1")
    for line in lines:
        line["invoice"] = invoice_id
    body = blank(
        "invoice",
        id=invoice_id,
        account_country=ACCOUNT_COUNTRY,
        account_name=ACCOUNT_NAME,
        auto_advance=True,
        automatic_tax=_automatic_tax(subscription),
        billing_reason=reason,
        collection_method=subscription["collection_method"],
        created=world.now(),
        currency=subscription["currency"],
        lines=whole(f"/v1/invoices/{invoice_id}/lines", lines),
        metadata={},
        parent=_parent(subscription),
        period_start=world.now(),
        period_end=world.now(),
        status="draft",
        test_clock=subscription["test_clock"],
    )
    body |= _customer(world, subscription["customer"])
    own = discounts_of(world, subscription) if discounts is None else discounts
    return settle(world, body, own)


def _customer(world: World, customer_id: str) -> Json:
    """What an invoice shows of its customer, as he is now."""
    customer = world.get(customer_id)
    return {
        "customer": customer_id,
        "customer_address": customer.get("address"),
        "customer_email": customer.get("email"),
        "customer_name": customer.get("name"),
        "customer_tax_exempt": customer.get("tax_exempt"),
        "customer_tax_ids": _tax_ids(world, customer_id),
    }


def _automatic_tax(subscription: Json) -> Json:
    enabled = subscription["automatic_tax"]["enabled"]
    liability = {"type": "self"} if enabled else None
    provider = "stripe" if enabled else None
    return nulls("automatic_tax", enabled=enabled, liability=liability, provider=provider)


def _tax_ids(world: World, customer_id: str) -> list[Json]:
    found = world.rows("tax_id", customer=customer_id)
    return [{"type": each["type"], "value": each["value"]} for each in found]


def _parent(subscription: Json) -> Json:
    details = {"metadata": subscription["metadata"], "subscription": subscription["id"]}
    kind = "subscription_details"
    return {"type": kind, kind: details, "quote_details": None}


def subscription_of(invoice: Json) -> str:
    return str(invoice["parent"]["subscription_details"]["subscription"])


def draft_invoice(
    world: World,
    subscription: Json,
    lines: list[Json],
    *,
    reason: str,
    period: tuple[int, int] | None = None,
    waits: bool = False,
) -> Json:
    """Put a draft; one that *waits* is finalized by the clock an hour later."""
    body = invoice_body(world, subscription, lines, reason=reason)
    if period:
        body["period_start"], body["period_end"] = period
    if waits:
        body["automatically_finalizes_at"] = world.now() + DRAFT_SECONDS
    invoice = world.add(body, "invoice.created")
    note_net(world, invoice)
    drop_used(world, subscription["id"])
    return invoice


def draft_by_hand(world: World, params: Json, subscription: Json | None, lines: list[Json]) -> Json:
    method = params.get("collection_method", "charge_automatically")
    like: Json = subscription or {
        "automatic_tax": {"enabled": False},
        "collection_method": method,
        "currency": world.get(params["customer"])["currency"] or "usd",
        "customer": params["customer"],
        "discounts": [],
        "id": None,
        "metadata": {},
        "test_clock": None,
    }
    body = invoice_body(world, like, lines, reason="manual")
    if subscription is None:
        body["parent"] = None
    if "days_until_due" in params:
        body["due_date"] = world.now() + params["days_until_due"] * 24 * 3600
    body["auto_advance"] = params.get("auto_advance", False)
    body["metadata"] = {key: value for key, value in params.get("metadata", {}).items() if value}
    return world.add(body, "invoice.created")


def note_net(world: World, invoice: Json) -> None:
    """Keep what whole periods really cost, so that unused time gives back no more than that."""
    for line in invoice["lines"]["data"]:
        details = (line["parent"] or {}).get("subscription_item_details")
        if details and not details["proration"]:
            off = sum(part["amount"] for part in line["discount_amounts"])
            net = [line["amount"] - off, line["amount"]]
            world.note(details["subscription_item"], net=net)


def open_payment(world: World, invoice_id: str) -> Json | None:
    """The invoice payment that is not settled yet."""
    found = world.all("invoice_payment", invoice=invoice_id, status="open")
    return found[0] if found else None
