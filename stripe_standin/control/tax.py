"""The one tax rate of the stand-in, for what has automatic tax switched on."""

from ..contract import Json, Value
from .door import Control, allowed, route, wanted


@route("POST", "tax")
def set_tax(control: Control, body: Json) -> Value:
    allowed(body, "percent", "fails")
    options = control.world.options
    with control.world.lock:
        options.tax_percent = float(wanted(body, "percent", (int, float), options.tax_percent))
        options.tax_fails = bool(wanted(body, "fails", bool, options.tax_fails))
    return {"percent": options.tax_percent, "fails": options.tax_fails}
