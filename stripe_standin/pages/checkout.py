"""The hosted Checkout page: a form, a 3-D Secure question, and the way back to the shop."""

from datetime import UTC, datetime
from string import Template
from urllib.parse import quote

from ..contract import Json
from ..engine.amounts import shown
from ..engine.checkout import Outcome, authenticate, pay
from ..http import Answer, Request
from ..timeline import catch_up
from ..world import World
from .card_form import (
    CARD,
    BadInputError,
    adjustable_item,
    is_free,
    known_email,
    read_fields,
    read_payer,
)
from .codes import apply_code
from .html import Markup, error_line, fill, page, redirect, secure_page

FORM = Template("""
<h1>Subscribe to $name</h1>
$summary
$error
<form method="post" action="$action">
$fields
$code
<label for="name">Name on card</label>
<input id="name" name="name" autocomplete="cc-name" value="$cardholder">
<label for="country">Country <span class="soft">(two letters$optional)</span></label>
<input id="country" name="country" autocomplete="country" maxlength="2" value="$country">
$tax_id
$card
$note
<button type="submit">Subscribe</button>
</form>
<p class="soft">Test cards: 4242 4242 4242 4242 pays, 4000 0000 0000 0002 is declined,
4000 0025 0000 3155 asks for 3-D Secure, 4000 0000 0000 0341 pays now and fails at renewal.</p>
$back
""")
EMAIL = Template("""<label for="email">Email</label>
<input id="email" name="email" type="email" autocomplete="email" value="$email" required>""")
KNOWN_EMAIL = Template("""<p>Email: <strong>$email</strong></p>""")
QUANTITY = Template("""<label for="quantity">Quantity</label>
<input id="quantity" name="quantity" type="number" min="$low" max="$high" value="$value">""")
SUMMARY = Template("""<table>
<thead><tr><th>Product</th><th>Quantity</th><th>Price</th></tr></thead>
<tbody>$rows</tbody>
<tfoot>$parts<tr><th>Total due today</th><td></td><td>$total</td></tr></tfoot>
</table>""")
ROW = Template("""<tr><td>$name<br><span class="soft">$every</span></td><td>$quantity</td>
<td>$amount</td></tr>""")
PART = Template("<tr><td>$name</td><td></td><td>$amount</td></tr>")
TAX_ID = Markup("""<label for="tax_id">Tax ID <span class="soft">(optional)</span></label>
<input id="tax_id" name="tax_id">""")
CODE = Template("""<label for="promotion_code">Promotion code</label>
<div class="pair"><input id="promotion_code" name="promotion_code" value="$code">
<button class="plain" formaction="$action/promotion_code" formnovalidate>Apply</button></div>""")
ENDED = Template("""<h1>$title</h1><p>$words</p>$back""")
BACK = Template("""<p><a href="$url">$words</a></p>""")


def answer(world: World, session_id: str, rest: list[str], request: Request) -> Answer:
    if request.method != "POST":
        return show(world, session_id)
    if rest == ["3ds"]:
        return submit_secure(world, session_id, request)
    with world.transaction(), world.by_clock_of(session_id):
        if rest == ["promotion_code"]:
            return submit_code(world, session_id, request)
        return submit(world, session_id, request)


def show(world: World, session_id: str) -> Answer:
    with world.transaction():
        catch_up(world)
        session = _find(world, session_id)
        return _form(world, session) if session and _is_open(session) else _ended(session)


def submit(world: World, session_id: str, request: Request) -> Answer:
    catch_up(world)
    session = _find(world, session_id)
    if session is None or not _is_open(session):
        return _ended(session)
    if _lost_customer(world, session):
        return _form(world, session, "This customer no longer exists.", status=400)
    fields = read_fields(request.body)
    try:
        session = apply_code(world, session, fields)
        year = datetime.fromtimestamp(world.now(), UTC).year
        payer = read_payer(fields, session, world.notes(session_id)["items"], year)
    except BadInputError as bad:
        return _form(world, world.get(session_id), str(bad), fields, status=400)
    return _after(world, session_id, pay(world, session_id, payer), fields)


def submit_code(world: World, session_id: str, request: Request) -> Answer:
    """The button beside the promotion code: show the new total, and keep what was typed."""
    session = _find(world, session_id)
    if session is None or not _is_open(session):
        return _ended(session)
    fields = read_fields(request.body)
    try:
        return _form(world, apply_code(world, session, fields), "", fields)
    except BadInputError as bad:
        return _form(world, session, str(bad), fields, status=400)


def submit_secure(world: World, session_id: str, request: Request) -> Answer:
    with world.transaction(), world.by_clock_of(session_id):
        session = _find(world, session_id)
        if session is None or not _is_open(session):
            return _ended(session)
        intent_id = world.notes(session_id).get("intent")
        if not intent_id or world.get(intent_id)["status"] != "requires_action":
            return _form(world, session)
        passed = read_fields(request.body).get("outcome") == "complete"
        return _after(world, session_id, authenticate(world, session_id, passed=passed), {})


def _after(world: World, session_id: str, outcome: Outcome, fields: dict[str, str]) -> Answer:
    session = world.get(session_id)
    if outcome.wants_authentication:
        total = shown(session["amount_total"], session["currency"])
        return secure_page(f"/c/pay/{session_id}/3ds", total)
    if not outcome.paid:
        return _form(world, session, outcome.declined, fields, status=402)
    return redirect(session["success_url"].replace("{CHECKOUT_SESSION_ID}", quote(session_id)))


def _find(world: World, session_id: str) -> Json | None:
    found = world.find(session_id)
    return found if found and found["object"] == "checkout.session" else None


def _is_open(session: Json) -> bool:
    return bool(session["status"] == "open")


def _lost_customer(world: World, session: Json) -> bool:
    """Deleted since the session was opened: nobody is left to subscribe."""
    return bool(session["customer"] and world.get(session["customer"]).get("deleted"))


def _ended(session: Json | None) -> Answer:
    if session is None:
        title, words, status = "No such page", "This link leads nowhere.", 404
    elif session["status"] == "complete":
        title, words, status = "Already paid", "This checkout is complete; you paid once.", 200
    else:
        title, words, status = "This checkout has expired", "Go back and start again.", 410
    content = fill(ENDED, title=title, words=words, back=_back(session, "Back to the shop"))
    return page(title, content, status)


def _back(session: Json | None, words: str) -> Markup:
    url = (session or {}).get("cancel_url")
    return Markup(fill(BACK, url=url, words=words) if url else "")


def _form(
    world: World,
    session: Json,
    error: str = "",
    fields: dict[str, str] | None = None,
    status: int = 200,
) -> Answer:
    given, items = fields or {}, world.notes(session["id"])["items"]
    content = fill(
        FORM,
        name=items[0]["description"],
        summary=Markup(_summary(session, items)),
        error=error_line(error),
        action=f"/c/pay/{session['id']}",
        fields=Markup(_fields(session, items, given)),
        cardholder=given.get("name", ""),
        country=given.get("country", ""),
        optional="" if session["billing_address_collection"] == "required" else ", optional",
        card=Markup("") if is_free(session) else CARD,
        code=code_field(session, given),
        tax_id=TAX_ID if (session.get("tax_id_collection") or {}).get("enabled") else Markup(""),
        note=_note(session),
        back=_back(session, "← Back"),
    )
    return page(f"Pay for {items[0]['description']}", content, status)


def _note(session: Json) -> Markup:
    text = (session["custom_text"].get("submit") or {}).get("message", "")
    return Markup(fill(Template('<p class="soft">$text</p>'), text=text) if text else "")


def _fields(session: Json, items: list[Json], given: dict[str, str]) -> str:
    email = known_email(session)
    typed = given.get("email", "")
    html = fill(KNOWN_EMAIL, email=email) if email else fill(EMAIL, email=typed)
    item = adjustable_item(items)
    if item is None:
        return html
    bounds = item["adjustable_quantity"]
    low, value = max(bounds["minimum"], 1), given.get("quantity", item["quantity"])
    return html + fill(QUANTITY, low=low, high=bounds["maximum"], value=value)


def _summary(session: Json, items: list[Json]) -> str:
    rows = "".join(_row(item) for item in items)
    currency, details = session["currency"], session["total_details"]
    parts = [("Discount", -details["amount_discount"]), ("Tax", details["amount_tax"])]
    lines = "".join(
        fill(PART, name=name, amount=shown(amount, currency)) for name, amount in parts if amount
    )
    total = shown(session["amount_total"], currency)
    return fill(SUMMARY, rows=Markup(rows), parts=Markup(lines), total=total)


def code_field(session: Json, given: dict[str, str]) -> Markup:
    if not session["allow_promotion_codes"]:
        return Markup("")
    typed = given.get("promotion_code", "")
    return fill(CODE, code=typed, action=f"/c/pay/{session['id']}")


def _row(item: Json) -> str:
    recurring = item["price"]["recurring"]
    every = f"billed every {recurring['interval']}" if recurring else "once"
    amount = shown(item["amount_subtotal"], item["currency"])
    return fill(
        ROW, name=item["description"], every=every, quantity=item["quantity"], amount=amount
    )
