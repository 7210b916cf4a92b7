"""The hosted invoice page: what is owed, and a form to pay it with another card.

Stripe's `invoice_pdf` leads here too: the stand-in draws no PDFs.
"""

from datetime import UTC, datetime
from string import Template

from ..contract import Json
from ..engine.amounts import shown
from ..engine.charging import fail_authentication, try_charge
from ..engine.collecting import collect, settle_intent
from ..engine.invoicing import open_payment
from ..http import Answer, Request
from ..timeline import catch_up
from ..world import World
from .card_form import CARD, BadInputError, add_customers_card, read_fields
from .html import Markup, error_line, fill, page, redirect, secure_page

PAGE = Template("""<h1>Invoice $number</h1>
<p>Status: <strong>$status</strong></p>
<table><thead><tr><th>Description</th><th>Amount</th></tr></thead>
<tbody>$rows</tbody>
<tfoot><tr><th>Amount due</th><td>$due</td></tr></tfoot></table>
$error
$form""")
ROW = Template("<tr><td>$description</td><td>$amount</td></tr>")
FORM = Template("""<form method="post" action="$action">$card
<button type="submit">Pay $due</button></form>""")


def answer(world: World, invoice_id: str, rest: list[str], request: Request) -> Answer:
    with world.transaction(), world.by_clock_of(invoice_id):
        catch_up(world)
        invoice = world.find(invoice_id)
        if not invoice or invoice["object"] != "invoice" or invoice["status"] == "draft":
            return page("No such page", "<h1>No such invoice</h1>", 404)
        if request.method != "POST" or invoice["status"] not in ("open", "uncollectible"):
            return _waiting_for_bank(world, invoice) or _page(invoice)
        fields = read_fields(request.body)
        if rest == ["3ds"]:
            return _authenticate(world, invoice, passed=fields.get("outcome") == "complete")
        return _pay(world, invoice, fields)


def _pay(world: World, invoice: Json, fields: dict[str, str]) -> Answer:
    year = datetime.fromtimestamp(world.now(), UTC).year
    try:
        method = add_customers_card(world, fields, invoice["customer"], year)
    except BadInputError as bad:
        return _page(invoice, str(bad), status=400)
    return _after(world, collect(world, invoice["id"], present=True, method_id=method["id"]))


def _intent(world: World, invoice: Json) -> Json | None:
    payment = open_payment(world, invoice["id"])
    return world.get(payment["payment"]["payment_intent"]) if payment else None


def _waiting_for_bank(world: World, invoice: Json) -> Answer | None:
    intent = _intent(world, invoice)
    if intent is None or intent["status"] != "requires_action":
        return None
    return secure_page(f"/i/{invoice['id']}/3ds", shown(invoice["amount_due"], invoice["currency"]))


def _authenticate(world: World, invoice: Json, *, passed: bool) -> Answer:
    intent = _intent(world, invoice)
    if intent is None or intent["status"] != "requires_action":
        return _page(invoice)
    if passed:
        method = intent["payment_method"]
        intent = try_charge(world, intent["id"], method, present=True, authenticated=True)
    else:
        intent = fail_authentication(world, intent["id"])
    settle_intent(world, intent)
    return _after(world, world.get(invoice["id"]))


def _after(world: World, invoice: Json) -> Answer:
    if invoice["status"] == "paid":
        return redirect(f"{world.options.public_url}/i/{invoice['id']}")
    question = _waiting_for_bank(world, invoice)
    intent = _intent(world, invoice) or {}
    error = (intent.get("last_payment_error") or {}).get("message", "Your card was declined.")
    return question or _page(invoice, error, status=402)


def _page(invoice: Json, error: str = "", status: int = 200) -> Answer:
    currency = invoice["currency"]
    rows = "".join(
        fill(ROW, description=line["description"], amount=shown(line["amount"], currency))
        for line in invoice["lines"]["data"]
    )
    due = shown(invoice["amount_remaining"], currency)
    payable = invoice["status"] in ("open", "uncollectible")
    form = fill(FORM, action=f"/i/{invoice['id']}", card=CARD, due=due) if payable else ""
    content = fill(
        PAGE,
        number=invoice["number"],
        status=invoice["status"],
        rows=Markup(rows),
        due=due,
        error=error_line(error),
        form=Markup(form),
    )
    return page(f"Invoice {invoice['number']}", content, status)
