"""The account itself: one test account in the United States."""

from ..contract import Json, blank
from ..operations import Call, operation

ACCOUNT_ID = "acct_1StandInWheelbar"
COUNTRY = "US"
NAME = "Wheelbarrow test account"


@operation("GET", "/v1/account")
def get_account(call: Call) -> Json:
    return blank(
        "account",
        id=ACCOUNT_ID,
        charges_enabled=True,
        country=COUNTRY,
        default_currency="usd",
        details_submitted=True,
        email="owner@example.com",
        payouts_enabled=True,
        type="standard",
    )
