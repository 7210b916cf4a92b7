"""Rules between the parameters of a price (docs.stripe.com/api/prices/create and /tiers)."""

from decimal import Decimal

from ..contract import Json
from ..engine.amounts import plain
from ..errors import invalid_request, not_built

MAX_LOOKUP_KEYS = 10


def check_product(params: Json) -> None:
    if ("product" in params) == ("product_data" in params):
        message = "You must provide exactly one of `product` and `product_data`."
        raise invalid_request(message, param="product", code="parameter_missing")


def check_lookup_keys(params: Json) -> None:
    if len(params.get("lookup_keys", ())) > MAX_LOOKUP_KEYS:
        raise invalid_request("You may specify up to 10 lookup_keys.", param="lookup_keys")


def check_amounts(params: Json) -> None:
    """One way to say what a unit costs: an amount, or tiers that reach to infinity."""
    _check_interval(params.get("recurring") or {})
    if params.get("billing_scheme") == "tiered":
        _check_tiered(params)
        return
    for name in ("tiers", "tiers_mode"):
        if name in params:
            message = f"`{name}` can only be set when `billing_scheme` is `tiered`."
            raise invalid_request(message, param=name)
    _check_one_amount(params, "")


def _check_interval(recurring: Json) -> None:
    # "Maximum of three years interval allowed (3 years, 36 months, or 156 weeks)."
    most = {"day": 1095, "week": 156, "month": 36, "year": 3}
    count = recurring.get("interval_count", 1)
    if recurring and not 1 <= count <= most[recurring["interval"]]:
        message = "The interval count must be at least 1 and at most three years in total."
        raise invalid_request(message, param="recurring[interval_count]")


def _check_one_amount(params: Json, prefix: str) -> None:
    given = [name for name in ("unit_amount", "unit_amount_decimal") if name in params]
    if len(given) != 1:
        message = "You must provide exactly one of `unit_amount` and `unit_amount_decimal`."
        code = "" if given else "parameter_missing"
        raise invalid_request(message, param=prefix + "unit_amount", code=code)
    if Decimal(str(params[given[0]])) < 0:
        message = "Invalid non-negative integer"
        raise invalid_request(message, param=prefix + given[0], code="parameter_invalid_integer")


def _check_tiered(params: Json) -> None:
    for name in ("tiers", "tiers_mode"):
        if not params.get(name):
            message = f"`{name}` is required when `billing_scheme` is `tiered`."
            raise invalid_request(message, param=name, code="parameter_missing")
    for name in ("unit_amount", "unit_amount_decimal"):
        if name in params:
            message = f"`{name}` cannot be set when `billing_scheme` is `tiered`."
            raise invalid_request(message, param=name)
    if not params.get("recurring"):
        message = "`billing_scheme` `tiered` needs a recurring price."
        raise invalid_request(message, param="recurring")
    if params["tiers_mode"] == "graduated":
        raise not_built("graduated tiers")
    _check_tiers(params["tiers"])


def _check_tiers(tiers: list[Json]) -> None:
    ends = [tier["up_to"] for tier in tiers]
    if ends[-1] != "inf":
        message = "The last tier must have `up_to` set to `inf`."
        raise invalid_request(message, param=f"tiers[{len(tiers) - 1}][up_to]")
    previous = 0
    for position, end in enumerate(ends[:-1]):
        if end == "inf" or end <= previous:
            message = "Tiers must be in ascending order of `up_to`, `inf` last."
            raise invalid_request(message, param=f"tiers[{position}][up_to]")
        previous = end
    for position, tier in enumerate(tiers):
        _check_one_amount(tier, f"tiers[{position}].")


def read_tiers(tiers: list[Json]) -> list[Json]:
    """Tiers as `expand[]=tiers` shows them: the last one has `up_to` null."""
    shown = []
    for tier in tiers:
        exact = Decimal(str(tier.get("unit_amount", tier.get("unit_amount_decimal"))))
        whole = int(exact) if exact == exact.to_integral_value() else None
        up_to = None if tier["up_to"] == "inf" else tier["up_to"]
        amounts = {"unit_amount": whole, "unit_amount_decimal": plain(exact)}
        flat = {"flat_amount": None, "flat_amount_decimal": None}
        shown.append({**flat, **amounts, "up_to": up_to})
    return shown
