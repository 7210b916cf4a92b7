"""Tax ids of customers: given by API, or typed in at Checkout."""

from ..contract import Json, blank
from ..operations import nulls
from ..world import World

EU = (
    *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "HR", "HU", "IE"),
    *("IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
)


def type_of(value: str) -> str:
    """The type that a typed-in number has; the page knows EU, British and US ones."""
    prefix = value[:2].upper()
    if prefix in EU:
        return "eu_vat"
    return "gb_vat" if prefix == "GB" else "us_ein"


def add_tax_id(world: World, customer_id: str, value: str, kind: str = "") -> Json:
    kind = kind or type_of(value)
    same = world.rows("tax_id", customer=customer_id)
    for each in same:
        if (each["type"], each["value"]) == (kind, value):
            return each
    checked = "pending" if kind in ("eu_vat", "gb_vat") else "unavailable"
    body = blank(
        "tax_id",
        id=world.new_id("txi_1"),
        country=value[:2].upper() if kind == "eu_vat" else {"gb_vat": "GB"}.get(kind, "US"),
        created=world.now(),
        customer=customer_id,
        owner=owner_of(customer_id),
        type=kind,
        value=value,
        verification=nulls("tax_id_verification", status=checked),
    )
    return world.add(body, "customer.tax_id.created")


def owner_of(customer_id: str) -> Json:
    return {"type": "customer", "customer": customer_id, "customer_account": None}


def tax_ids_shown(world: World, session: Json) -> list[Json]:
    """What a complete session shows of them."""
    if not (session.get("tax_id_collection") or {}).get("enabled"):
        return []
    value = world.notes(session["id"]).get("tax_id")
    return [{"type": type_of(value), "value": value}] if value else []
