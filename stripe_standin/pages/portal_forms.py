"""The parts of the portal's page: subscriptions with their buttons, the card, the customer."""

from datetime import UTC, datetime
from string import Template

from ..contract import Json
from ..engine.amounts import shown
from ..engine.portal_updates import bounds, offers
from ..world import World
from .card_form import CARD
from .html import Markup, fill

SUBSCRIPTION = Template("""<p><strong>$name</strong>, quantity $quantity: $status, until $until
$note</p>$parts""")
BUTTON = Template("""<form method="post" action="$action">
<input type="hidden" name="subscription" value="$subscription">$fields
<button class="plain" name="action" value="$value">$words</button></form>""")
REASON = Template("""<label for="feedback">Why? <span class="soft">(optional)</span></label>
<select id="feedback" name="feedback"><option value=""></option>$options</select>
<label for="comment">Anything else?</label><input id="comment" name="comment">""")
OPTION = Template("""<option value="$value"$selected>$words</option>""")
PLAN = Template("""<label for="price">Plan</label>
<select id="price" name="price">$options</select>
<label for="quantity">Quantity</label>
<input id="quantity" name="quantity" type="number" min="1" value="$quantity">""")
CARD_FORM = Template("""<h2>Card</h2><form method="post" action="$action">$card
<button name="action" value="card">Use this card</button></form>""")
CUSTOMER = Template("""<h2>Billing details</h2><form method="post" action="$action">$fields
<button class="plain" name="action" value="customer">Save</button></form>""")
FIELD = Template("""<label for="$name">$words</label>
<input id="$name" name="$name" value="$value">""")
INVOICE = Template("""<tr><td><a href="$url">$number</a></td><td>$status</td>
<td>$amount</td></tr>""")
FIELDS = {
    "name": "Name",
    "email": "Email",
    "phone": "Phone",
    "address": "Country (two letters)",
    "tax_id": "Tax ID",
}


def subscription_part(world: World, path: str, features: Json, subscription: Json) -> str:
    item = subscription["items"]["data"][0]
    until = datetime.fromtimestamp(item["current_period_end"], UTC).strftime("%d %B %Y")
    note = "(ends then)" if subscription["cancel_at"] else ""
    return fill(
        SUBSCRIPTION,
        name=world.get(item["price"]["product"])["name"],
        quantity=item["quantity"],
        status=subscription["status"],
        until=until,
        note="(a change is planned)" if subscription["schedule"] else note,
        parts=Markup("".join(_forms(world, path, features, subscription))),
    )


def _forms(world: World, path: str, features: Json, subscription: Json) -> list[str]:
    def button(value: str, words: str, fields: str = "") -> str:
        known = {"action": path, "subscription": subscription["id"], "value": value}
        return fill(BUTTON, words=words, fields=Markup(fields), **known)

    if subscription["schedule"]:
        return [button("undo", "Undo the planned change")]
    cancels, found = features["subscription_cancel"], []
    if cancels["enabled"] and subscription["cancel_at"]:
        found.append(button("keep", "Keep it"))
    elif cancels["enabled"]:
        found.append(button("cancel", "Cancel", _reasons(cancels["cancellation_reason"])))
    plan = _plan(world, features, subscription)
    return [*found, button("update", "Change", plan)] if plan else found


def _reasons(asked: Json) -> str:
    if not asked["enabled"]:
        return ""
    options = [
        fill(OPTION, value=value, selected="", words=value.replace("_", " "))
        for value in asked["options"]
    ]
    return fill(REASON, options=Markup("".join(options)))


def _plan(world: World, features: Json, subscription: Json) -> str:
    item = subscription["items"]["data"][0]
    options = []
    for price, product in offers(world, features, subscription):
        low, high = bounds(features["subscription_update"], product, item["quantity"])
        name = world.get(price["product"])["name"]
        words = f"{name}, every {price['recurring']['interval']}, {low} to {high}"
        chosen = " selected" if price["id"] == item["price"]["id"] else ""
        options.append(fill(OPTION, value=price["id"], selected=chosen, words=words))
    if not options:
        return ""
    return fill(PLAN, options=Markup("".join(options)), quantity=item["quantity"])


def card_part(path: str) -> str:
    return fill(CARD_FORM, action=path, card=CARD)


def customer_part(path: str, customer: Json, updates: list[str]) -> str:
    values = {**customer, "address": (customer["address"] or {}).get("country"), "tax_id": ""}
    fields = [
        fill(FIELD, name=name, words=FIELDS[name], value=values[name] or "")
        for name in FIELDS
        if name in updates
    ]
    return fill(CUSTOMER, action=path, fields=Markup("".join(fields)))


def invoices_part(world: World, customer_id: str) -> str:
    rows = [
        fill(
            INVOICE,
            url=invoice["hosted_invoice_url"],
            number=invoice["number"],
            status=invoice["status"],
            amount=shown(invoice["total"], invoice["currency"]),
        )
        for invoice in reversed(world.rows("invoice", customer=customer_id))
        if invoice["number"]
    ]
    return f"<h2>Invoices</h2><table><tbody>{''.join(rows)}</tbody></table>"
