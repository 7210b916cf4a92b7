"""How a subscription begins and renews."""

from typing import Any

from ..contract import Json, blank
from ..world import World
from .collecting import collect
from .finalizing import finalize_invoice
from .invoicing import draft_invoice, subscription_of
from .lines import item_line, item_period, items_list
from .periods import period_end
from .voiding import give_up, void_invoice

SELF_TAXED = {"disabled_reason": None, "enabled": True, "liability": {"type": "self"}}
UPDATED = "customer.subscription.updated"


def subscription_item(world: World, subscription_id: str, price: Json, quantity: int) -> Json:
    now, item_id = world.now(), world.new_id("si_", 14)
    world.note(item_id, anchor=now)
    return blank(
        "subscription_item",
        id=item_id,
        created=now,
        current_period_start=now,
        current_period_end=period_end(now, now, price["recurring"]),
        price=price,
        quantity=quantity,
        subscription=subscription_id,
        tax_rates=[],
    )


def subscription_body(world: World, prices: list[tuple[Json, int]], **fields: Any) -> Json:
    """A subscription that begins now, `incomplete` until something is paid; put nowhere yet."""
    subscription_id, now = world.new_id("sub_1"), world.now()
    items = [subscription_item(world, subscription_id, *bought) for bought in prices]
    body = blank(
        "subscription",
        id=subscription_id,
        billing_cycle_anchor=now,
        # "flexible is the default for API-made subscriptions" since clover.
        billing_mode={
            "type": "flexible",
            "flexible": {"proration_discounts": "included"},
            "updated_at": now,
        },
        cancellation_details={"comment": None, "feedback": None, "reason": None},
        created=now,
        currency=items[0]["price"]["currency"],
        items=items_list(subscription_id, items),
        payment_settings={
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        start_date=now,
        status="incomplete",
        trial_settings={"end_behavior": {"missing_payment_method": "create_invoice"}},
        default_tax_rates=[],
    )
    body |= fields
    return body | {"test_clock": world.clock_of(body) or None}


def on_trial(world: World, body: Json, until: int) -> Json:
    """The same subscription with a trial first: its periods count from the end of that."""
    items = [item | {"current_period_end": until} for item in body["items"]["data"]]
    for item in items:
        world.note(item["id"], anchor=until)
    return body | {
        "billing_cycle_anchor": until,
        "items": items_list(body["id"], items),
        "status": "trialing",
        "trial_end": until,
        "trial_start": world.now(),
    }


def _first_line(world: World, body: Json, item: Json) -> Json:
    made = item_line(world, body, item, item_period(item))
    if body["status"] != "trialing":
        return made
    name = world.get(item["price"]["product"])["name"]
    return made | {"amount": 0, "subtotal": 0, "description": f"Trial period for {name}"}


def start_subscription(world: World, body: Json, *, waits: bool = False) -> Json:
    """Put the subscription and its first invoice, as a draft.

    Stripe tells of it as `incomplete` and a moment later of the change to `active`; receivers
    see the two in any order (laravel/cashier-stripe#1759), so the stand-in sends both.
    """
    period = (world.now(), world.now())
    lines = [_first_line(world, body, item) for item in body["items"]["data"]]
    world.put(body)
    invoice = draft_invoice(
        world, body, lines, reason="subscription_create", period=period, waits=waits
    )
    subscription = world.change(body["id"], latest_invoice=invoice["id"])
    world.emit("customer.subscription.created", subscription)
    _settle_currency(world, subscription)
    return subscription


def begin_and_collect(world: World, prices: list[tuple[Json, int]], **fields: Any) -> Json:
    """A subscription that nobody asked for just now: its card is charged without the customer."""
    subscription = start_subscription(world, subscription_body(world, prices, **fields))
    invoice_id = subscription["latest_invoice"]
    if finalize_invoice(world, invoice_id)["status"] == "open":
        collect(world, invoice_id, present=False)
    return world.get(subscription["id"])


def _settle_currency(world: World, subscription: Json) -> None:
    """A customer is bound to the currency of his first subscription."""
    customer = world.get(subscription["customer"])
    if not customer["currency"]:
        world.change(customer["id"], "customer.updated", currency=subscription["currency"])


def next_lines(world: World, subscription: Json) -> list[Json]:
    """The lines for the period after the current one."""
    items = [_next_period(world, item) for item in subscription["items"]["data"]]
    return [item_line(world, subscription, item, item_period(item)) for item in items]


def renew(world: World, subscription_id: str) -> Json:
    """The period is over: the items go on to the next one, with an invoice that waits an hour."""
    subscription = world.get(subscription_id)
    ended = item_period(subscription["items"]["data"][0])
    items = [_next_period(world, item) for item in subscription["items"]["data"]]
    lines = next_lines(world, subscription)
    # "(1) pending invoice items (including prorations) in reverse chronological order,
    # (2) subscription items" (docs.stripe.com/api/invoices/object#invoice_object-lines).
    pending = world.notes(subscription_id).get("pending_lines", [])[::-1]
    world.note(subscription_id, pending_lines=[])
    # An unpaid subscription still gets invoices, which stay drafts
    # (docs.stripe.com/billing/subscriptions/overview#unpaid).
    collects = subscription["status"] != "unpaid"
    invoice = draft_invoice(
        world,
        subscription,
        pending + lines,
        reason="subscription_cycle",
        period=ended,
        waits=collects,
    )
    if not collects:
        invoice = world.change(invoice["id"], auto_advance=False)
    changes: Json = {"latest_invoice": invoice["id"]}
    if subscription["status"] == "trialing":
        changes["status"] = "active"
    return world.change(
        subscription_id, UPDATED, items=items_list(subscription_id, items), **changes
    )


def _next_period(world: World, item: Json) -> Json:
    """The item's own anchor counts: it moves when the interval changes, the subscription's not."""
    start = item["current_period_end"]
    anchor = world.notes(item["id"])["anchor"]
    end = period_end(anchor, start, item["price"]["recurring"])
    return item | {"current_period_start": start, "current_period_end": end}


def finalize_and_collect(world: World, invoice_id: str, *, present: bool) -> Json:
    """What the clock does to a draft after its hour."""
    invoice = world.get(invoice_id)
    subscription = world.get(subscription_of(invoice)) if invoice["parent"] else {}
    paused = subscription.get("pause_collection")
    if paused:
        return _leave_uncollected(world, invoice_id, paused["behavior"])
    invoice = finalize_invoice(world, invoice_id)
    by_mail = invoice["collection_method"] == "send_invoice"
    if by_mail and invoice["amount_due"] and invoice["status"] == "open":
        world.emit("invoice.sent", invoice)
        return invoice
    return collect(world, invoice_id, present=present, scheduled=True)


def _leave_uncollected(world: World, invoice_id: str, behavior: str) -> Json:
    """docs.stripe.com/billing/subscriptions/pause-payment: three ways to let a period go by."""
    if behavior == "keep_as_draft":
        return world.change(
            invoice_id, "invoice.updated", auto_advance=False, automatically_finalizes_at=None
        )
    if finalize_invoice(world, invoice_id)["status"] == "draft":
        return world.get(invoice_id)
    return void_invoice(world, invoice_id) if behavior == "void" else give_up(world, invoice_id)
