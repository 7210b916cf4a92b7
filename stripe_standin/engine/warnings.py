"""Early fraud warnings: the card network's guess that a dispute will follow."""

from ..contract import Json, blank
from ..world import World

KIND = "radar.early_fraud_warning"


def add_warning(world: World, charge: Json, *, fraud_type: str, actionable: bool) -> Json:
    warning = blank(
        KIND,
        id=world.new_id("issfr_1"),
        actionable=actionable,
        charge=charge["id"],
        created=world.now(),
        fraud_type=fraud_type,
        payment_intent=charge["payment_intent"],
    )
    return world.add(warning, KIND + ".created")


def settle_warnings(world: World, charge_id: str) -> None:
    """ "An EFW is actionable if it has not received a dispute and has not been fully refunded"
    (docs.stripe.com/api/radar/early_fraud_warnings/object)."""
    charge = world.get(charge_id)
    if charge["refunded"] or charge["disputed"]:
        for warning in world.all(KIND, charge=charge_id, actionable=True):
            world.change(warning["id"], KIND + ".updated", actionable=False)
