"""The customer portal's page: card, plan, details, cancel and keep, invoices; as configured."""

from datetime import UTC, datetime
from string import Template

from ..contract import Json
from ..engine import scheduling
from ..engine.final_bills import bill_the_end
from ..engine.portal_updates import bounds, cancel_at, change_plan, offers
from ..engine.subscription_ends import LIVE, end_subscription
from ..engine.tax_ids import add_tax_id
from ..http import Answer, Request
from ..operations import nulls
from ..subjects.customers import EMAIL
from ..timeline import catch_up
from ..world import World
from .card_form import BadInputError, add_customers_card, read_fields
from .html import Markup, error_line, fill, page, redirect
from .portal_forms import card_part, customer_part, invoices_part, subscription_part

UPDATED = "customer.subscription.updated"
PAGE = Template("""<h1>Your subscription</h1>
$error
$subscriptions
$card
$customer
$invoices
$back""")
BACK = Template("""<p><a href="$url">← Back</a></p>""")
Fields = dict[str, str]


def answer(world: World, session_id: str, request: Request) -> Answer:
    with world.transaction(), world.by_clock_of(session_id):
        catch_up(world)
        session = world.find(session_id)
        if not session or session["object"] != "billing_portal.session":
            return page("No such page", "<h1>No such page</h1>", 404)
        if world.get(session["customer"]).get("deleted"):
            return page("No such page", "<h1>This customer no longer exists</h1>", 404)
        if request.method != "POST":
            return _page(world, session)
        try:
            _act(world, session, read_fields(request.body))
        except BadInputError as bad:
            return _page(world, session, str(bad), status=400)
        return redirect(_after(session))


def _after(session: Json) -> str:
    """Where a flow leads when it is done; else back to the page."""
    done = (session["flow"] or {}).get("after_completion") or {}
    return str((done.get("redirect") or {}).get("return_url") or session["url"])


def _features(world: World, session: Json) -> Json:
    features: Json = world.get(session["configuration"])["features"]
    return features


def _act(world: World, session: Json, fields: Fields) -> None:
    action, features = fields.get("action"), _features(world, session)
    if action == "card" and features["payment_method_update"]["enabled"]:
        return _use_card(world, session["customer"], fields)
    if action == "customer" and features["customer_update"]["enabled"]:
        return _change_customer(world, session["customer"], features["customer_update"], fields)
    subscription = world.find(fields.get("subscription"))
    if not subscription or subscription.get("customer") != session["customer"]:
        raise BadInputError("There is no such subscription.")
    if subscription["status"] not in LIVE:
        raise BadInputError("This cannot be done here.")
    if subscription["schedule"]:
        return _undo(world, subscription, action)
    if action == "update":
        return _change_plan(world, features, subscription, fields)
    return _leave_or_stay(world, features["subscription_cancel"], subscription, action, fields)


def _undo(world: World, subscription: Json, action: str | None) -> None:
    if action != "undo":
        raise BadInputError("A change is planned already; undo it first.")
    scheduling.release(world, subscription["schedule"])


def _leave_or_stay(
    world: World, cancels: Json, subscription: Json, action: str | None, fields: Fields
) -> None:
    if not cancels["enabled"] or action not in ("keep", "cancel"):
        raise BadInputError("This cannot be done here.")
    details = {name: fields[name] for name in ("feedback", "comment") if fields.get(name)}
    if details.get("feedback", "other") not in (
        *cancels["cancellation_reason"]["options"],
        "other",
    ):
        raise BadInputError("This reason is not on the list.")
    if action == "keep":
        cancel_at(world, subscription, None)
    elif cancels["mode"] == "at_period_end":
        cancel_at(world, subscription, _period_end(subscription), details)
    else:
        behavior = cancels["proration_behavior"]
        now, prorate = behavior == "always_invoice", behavior != "none"
        bill_the_end(world, subscription["id"], invoice_now=now, prorate=prorate)
        reason = "cancellation_requested"
        end_subscription(world, subscription["id"], reason=reason, details=details)


def _period_end(subscription: Json) -> int:
    return max(int(item["current_period_end"]) for item in subscription["items"]["data"])


def _change_plan(world: World, features: Json, subscription: Json, fields: Fields) -> None:
    item = subscription["items"]["data"][0]
    wanted = fields.get("price") or item["price"]["id"]
    found = [o for o in offers(world, features, subscription) if o[0]["id"] == wanted]
    if not found:
        raise BadInputError("This plan is not offered here.")
    price, product = found[0]
    given = fields.get("quantity") or str(item["quantity"])
    low, high = bounds(features["subscription_update"], product, item["quantity"])
    if not given.isdigit() or not low <= int(given) <= high:
        raise BadInputError(f"The quantity must be between {low} and {high}.")
    change_plan(world, features, subscription, price, int(given))


def _change_customer(world: World, customer_id: str, allowed: Json, fields: Fields) -> None:
    updates = allowed["allowed_updates"]
    changes: Json = {
        n: fields[n] or None for n in ("name", "phone") if n in updates and n in fields
    }
    if "email" in updates and "email" in fields:
        if not EMAIL.fullmatch(fields["email"]):
            raise BadInputError("Your email address is not complete.")
        changes["email"] = fields["email"]
    if "address" in updates and fields.get("address"):
        changes["address"] = nulls("address", country=fields["address"].upper()[:2])
    if "tax_id" in updates and fields.get("tax_id"):
        add_tax_id(world, customer_id, fields["tax_id"].upper())
    world.change(customer_id, "customer.updated", **changes)


def _use_card(world: World, customer_id: str, fields: Fields) -> None:
    """The new card becomes the customer's default, and that of each of his subscriptions."""
    year = datetime.fromtimestamp(world.now(), UTC).year
    method = add_customers_card(world, fields, customer_id, year)
    settings = world.get(customer_id)["invoice_settings"]
    settings |= {"default_payment_method": method["id"]}
    world.change(customer_id, "customer.updated", invoice_settings=settings)
    for subscription in _live(world, customer_id):
        world.change(subscription["id"], UPDATED, default_payment_method=method["id"])


def _live(world: World, customer_id: str) -> list[Json]:
    found = world.all("subscription", customer=customer_id)
    return [subscription for subscription in found if subscription["status"] in LIVE]


def _page(world: World, session: Json, error: str = "", status: int = 200) -> Answer:
    features, customer = _features(world, session), session["customer"]
    path = f"/p/session/{session['id']}"
    found = [subscription_part(world, path, features, each) for each in _live(world, customer)]
    card = card_part(path) if features["payment_method_update"]["enabled"] else ""
    invoices = invoices_part(world, customer) if features["invoice_history"]["enabled"] else ""
    details, updates = "", features["customer_update"]
    if updates["enabled"]:
        details = customer_part(path, world.get(customer), updates["allowed_updates"])
    content = fill(
        PAGE,
        error=error_line(error),
        subscriptions=Markup("".join(found) or "<p>There is no active subscription.</p>"),
        card=Markup(card),
        customer=Markup(details),
        invoices=Markup(invoices),
        back=fill(BACK, url=session["return_url"]) if session["return_url"] else "",
    )
    return page("Your subscription", content, status)
