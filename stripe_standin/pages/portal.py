"""The customer portal's page: the card, cancel and keep, and the invoices; as configured."""

from datetime import UTC, datetime
from string import Template

from ..contract import Json
from ..engine.amounts import shown
from ..engine.subscription_ends import LIVE, end_subscription
from ..http import Answer, Request
from ..timeline import catch_up
from ..world import World
from .card_form import CARD, BadInputError, add_customers_card, read_fields
from .html import Markup, error_line, fill, page, redirect

UPDATED = "customer.subscription.updated"
PAGE = Template("""<h1>Your subscription</h1>
$error
$subscriptions
$card
$invoices
$back""")
SUBSCRIPTION = Template("""<p><strong>$name</strong>, quantity $quantity: $status, until $until
$note</p>$button""")
BUTTON = Template("""<form method="post" action="$action">
<input type="hidden" name="subscription" value="$subscription">
<button class="plain" name="action" value="$value">$words</button></form>""")
FORM = Template("""<h2>Card</h2><form method="post" action="$action">$card
<button name="action" value="card">Use this card</button></form>""")
INVOICE = Template("""<tr><td><a href="$url">$number</a></td><td>$status</td>
<td>$amount</td></tr>""")
BACK = Template("""<p><a href="$url">← Back</a></p>""")


def answer(world: World, session_id: str, request: Request) -> Answer:
    with world.transaction():
        catch_up(world)
        session = world.find(session_id)
        if not session or session["object"] != "billing_portal.session":
            return page("No such page", "<h1>No such page</h1>", 404)
        if request.method != "POST":
            return _page(world, session)
        try:
            _act(world, session, read_fields(request.body))
        except BadInputError as bad:
            return _page(world, session, str(bad), status=400)
        return redirect(session["url"])


def _features(world: World, session: Json) -> Json:
    features: Json = world.get(session["configuration"])["features"]
    return features


def _act(world: World, session: Json, fields: dict[str, str]) -> None:
    action, features = fields.get("action"), _features(world, session)
    if action == "card" and features["payment_method_update"]["enabled"]:
        _use_card(world, session["customer"], fields)
        return
    subscription = world.find(fields.get("subscription"))
    cancels = features["subscription_cancel"]
    if not subscription or subscription.get("customer") != session["customer"]:
        raise BadInputError("There is no such subscription.")
    if not cancels["enabled"] or subscription["status"] not in LIVE:
        raise BadInputError("This cannot be done here.")
    if action == "keep":
        _cancel_at(world, subscription, None)
    elif action == "cancel" and cancels["mode"] == "immediately":
        end_subscription(world, subscription["id"], reason="cancellation_requested")
    elif action == "cancel":
        _cancel_at(world, subscription, _period_end(subscription))


def _period_end(subscription: Json) -> int:
    return max(int(item["current_period_end"]) for item in subscription["items"]["data"])


def _cancel_at(world: World, subscription: Json, at: int | None) -> None:
    details = subscription["cancellation_details"] or {"comment": None, "feedback": None}
    reason = "cancellation_requested" if at else None
    world.change(
        subscription["id"],
        UPDATED,
        cancel_at=at,
        cancel_at_period_end=at is not None,
        canceled_at=world.now() if at else None,
        cancellation_details=details | {"reason": reason},
    )


def _use_card(world: World, customer_id: str, fields: dict[str, str]) -> None:
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
    may_cancel = features["subscription_cancel"]["enabled"]
    subscriptions = "".join(
        _subscription(world, session, each, may_cancel=may_cancel)
        for each in _live(world, customer)
    )
    path = f"/p/session/{session['id']}"
    card = (
        fill(FORM, action=path, card=CARD) if features["payment_method_update"]["enabled"] else ""
    )
    invoices = _invoices(world, customer) if features["invoice_history"]["enabled"] else ""
    back = fill(BACK, url=session["return_url"]) if session["return_url"] else ""
    content = fill(
        PAGE,
        error=error_line(error),
        subscriptions=Markup(subscriptions or "<p>There is no active subscription.</p>"),
        card=Markup(card),
        invoices=Markup(invoices),
        back=Markup(back),
    )
    return page("Your subscription", content, status)


def _subscription(world: World, session: Json, subscription: Json, *, may_cancel: bool) -> str:
    item, leaving = subscription["items"]["data"][0], subscription["cancel_at"]
    until = datetime.fromtimestamp(item["current_period_end"], UTC).strftime("%d %B %Y")
    value, words = ("keep", "Keep it") if leaving else ("cancel", "Cancel")
    button = fill(
        BUTTON,
        action=f"/p/session/{session['id']}",
        subscription=subscription["id"],
        value=value,
        words=words,
    )
    return fill(
        SUBSCRIPTION,
        name=world.get(item["price"]["product"])["name"],
        quantity=item["quantity"],
        status=subscription["status"],
        until=until,
        note="(ends then)" if leaving else "",
        button=Markup(button if may_cancel else ""),
    )


def _invoices(world: World, customer_id: str) -> str:
    rows = [
        fill(
            INVOICE,
            url=invoice["hosted_invoice_url"],
            number=invoice["number"],
            status=invoice["status"],
            amount=shown(invoice["total"], invoice["currency"]),
        )
        for invoice in reversed(world.all("invoice", customer=customer_id))
        if invoice["number"]
    ]
    return f"<h2>Invoices</h2><table><tbody>{''.join(rows)}</tbody></table>"
