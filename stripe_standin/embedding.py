"""Lists that Stripe cuts short inside another object."""

from .contract import Value

LINES = 10


def embedded(node: Value) -> Value:
    """As answers and events show it: of an invoice's lines the first ten, the rest on request
    (docs.stripe.com/api/invoices/object#invoice_object-lines)."""
    if isinstance(node, list):
        return [embedded(each) for each in node]
    if not isinstance(node, dict):
        return node
    shown = {name: embedded(value) for name, value in node.items()}
    if shown.get("object") == "invoice" and "lines" in shown:
        lines = shown["lines"]
        more = lines["has_more"] or len(lines["data"]) > LINES
        shown["lines"] = lines | {"data": lines["data"][:LINES], "has_more": more}
    return shown
