"""Credit notes."""

from decimal import Decimal

from ..contract import Json
from ..engine.amounts import rounded, shown
from ..engine.crediting import add_note, creditable, give_back, note_line, owe_less
from ..errors import invalid_request
from ..lists import PAGING, found, page
from ..operations import Call, merged_metadata, operation
from ..world import World
from .refunds import amount_to_refund, refundable

URL = "/v1/credit_notes"
GIVEN_BACK = ("refund_amount", "credit_amount", "out_of_band_amount")
LINES = " ".join(
    f"lines.{name}"
    for name in ("type", "amount", "description", "invoice_line_item", "quantity", "unit_amount")
)


@operation(
    "POST",
    URL,
    takes=f"invoice amount memo metadata reason email_type {LINES} {' '.join(GIVEN_BACK)}",
)
def create_credit_note(call: Call) -> Json:
    world, params = call.world, call.params
    invoice = world.require("invoice", params["invoice"], param="invoice")
    if invoice["status"] not in ("open", "paid", "uncollectible"):
        message = f"You can't create a credit note for an invoice that is {invoice['status']}."
        raise invalid_request(message, param="invoice")
    lines, total = _lines(call, invoice)
    if total > creditable(invoice):
        most = shown(creditable(invoice), invoice["currency"])
        message = f"The credit note's amount is greater than what can be credited ({most})."
        raise invalid_request(message, param="amount")
    back = _check_given_back(call, invoice, total)
    if back["credit_amount"] and world.get(invoice["customer"]).get("deleted"):
        message = f"No such customer: '{invoice['customer']}'"
        raise invalid_request(message, param="credit_amount", code="resource_missing")
    charge = _charge(world, invoice) if back["refund_amount"] else None
    if charge:
        amount_to_refund(charge, back["refund_amount"])
    metadata = merged_metadata({}, params.get("metadata"))
    fields = call.given("memo", "reason", "out_of_band_amount")
    note = add_note(world, invoice, lines, total, metadata=metadata, **fields)
    if invoice["status"] != "paid":
        return owe_less(world, note)
    return give_back(world, note, charge, back["refund_amount"], back["credit_amount"])


def _lines(call: Call, invoice: Json) -> tuple[list[Json], int]:
    """The lines without tax, and their sum with it."""
    given = call.params.get("lines")
    if ("amount" in call.params) == (given is not None):
        message = "You must provide exactly one of `amount` and `lines`."
        raise invalid_request(message, param="amount", code="parameter_missing")
    if given is None:
        amount = int(call.params["amount"])
        if amount < 1:
            message = "This value must be greater than or equal to 1."
            raise invalid_request(message, param="amount", code="parameter_invalid_integer")
        net = _without_tax(invoice, amount)
        words = f"Credit for invoice {invoice['number']}"
        return [note_line(call.world, amount=net, description=words, line=None)], amount
    lines = [_line(call, invoice, line, position) for position, line in enumerate(given)]
    net = sum(line["amount"] for line in lines)
    return lines, _with_tax(invoice, net)


def _without_tax(invoice: Json, amount: int) -> int:
    return _share(amount, invoice["total_excluding_tax"], invoice["total"])


def _with_tax(invoice: Json, net: int) -> int:
    return _share(net, invoice["total"], invoice["total_excluding_tax"])


def _share(amount: int, part: int, whole: int) -> int:
    return rounded(Decimal(amount) * part / (whole or 1))


def _line(call: Call, invoice: Json, given: Json, position: int) -> Json:
    param = f"lines[{position}]"
    own = None
    if given["type"] == "invoice_line_item":
        wanted = given.get("invoice_line_item")
        own = next((line for line in invoice["lines"]["data"] if line["id"] == wanted), None)
        if own is None:
            message = f"No such invoice line item: '{wanted}'"
            raise invalid_request(message, param=f"{param}[invoice_line_item]")
    amount = given.get("amount")
    if amount is None and "unit_amount" in given:
        amount = given["unit_amount"] * given.get("quantity", 1)
    if amount is None and own:
        amount = own["amount"] * given.get("quantity", own["quantity"]) // own["quantity"]
    if amount is None:
        message = f"`{param}` needs an amount."
        raise invalid_request(message, param=f"{param}[amount]", code="parameter_missing")
    words = given.get("description") or (own or {}).get("description") or "Credit"
    return note_line(call.world, amount=amount, description=words, line=own)


def _check_given_back(call: Call, invoice: Json, total: int) -> Json:
    """ "The sum of refund, credit and out of band amounts must equal the credit note total" once
    the invoice is paid; before that there is nothing to give back."""
    back = {name: int(call.params.get(name, 0)) for name in GIVEN_BACK}
    if invoice["status"] != "paid":
        if any(back.values()):
            message = "Nothing can be given back for an invoice that is not paid."
            raise invalid_request(message, param="refund_amount")
    elif sum(back.values()) != total:
        currency = invoice["currency"]
        message = (
            "The sum of credit amount, refund amount and out of band amount"
            f" ({shown(sum(back.values()), currency)}) must equal the credit note amount"
            f" ({shown(total, currency)})."
        )
        raise invalid_request(message)
    return back


def _charge(world: World, invoice: Json) -> Json:
    for payment in world.rows("invoice_payment", invoice=invoice["id"], status="paid"):
        intent = world.find(payment["payment"].get("payment_intent"))
        if intent and intent["latest_charge"]:
            return refundable(world, world.get(intent["latest_charge"]))
    raise invalid_request("This invoice has no payment to refund.", param="refund_amount")


@operation("GET", URL, takes=PAGING + " created customer invoice")
def list_credit_notes(call: Call) -> Json:
    return page(call, URL, found(call, "credit_note", "customer", "invoice"))


@operation("GET", URL + "/{id}")
def get_credit_note(call: Call) -> Json:
    return call.world.require("credit_note", call.ids[0])


@operation("POST", URL + "/{id}", takes="memo metadata")
def update_credit_note(call: Call) -> Json:
    note = call.world.require("credit_note", call.ids[0])
    changes = call.given("memo")
    if "metadata" in call.params:
        changes["metadata"] = merged_metadata(note["metadata"], call.params["metadata"])
    return call.world.change(note["id"], "credit_note.updated", **changes)
