"""A customer whose subscription has ended: what he keeps is said on each of his pages."""

import json
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.looking import look_at
from tests.browser.person import Person

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]


def ask_stripe(demo: Any, method: str, path: str) -> Any:
    """Somebody ends it in Stripe's Dashboard."""
    headers = {"Authorization": "Bearer sk_test_somebody"}
    request = urllib.request.Request(demo.stripe + path, method=method, headers=headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


@pytest.fixture
def lapsed(person, demo, request) -> Person:
    """Bought, signed in, and has just lost the subscription."""
    width, colors = request.param
    buyer: Person = person(width=width, color_scheme=colors)
    buyer.press_buy()
    buyer.pay()
    buyer.wait_for_welcome()
    buyer.ask_for_code()
    buyer.enter_code()
    newest = ask_stripe(demo, "GET", "/v1/subscriptions?limit=1")["data"][0]["id"]
    ask_stripe(demo, "DELETE", f"/v1/subscriptions/{newest}")
    for _ in range(40):
        buyer.page.goto("/account/")
        if buyer.page.get_by_text("Hare Pro has ended").count():
            return buyer
        buyer.page.wait_for_timeout(250)
    raise AssertionError("the end was not heard of")


@pytest.mark.parametrize(
    "lapsed", [(320, "dark"), (1280, "light")], indirect=True, ids=["phone", "screen"]
)
def test_who_lapsed_reads_what_he_keeps_and_may_buy_again(lapsed: Person, request):
    page, how = lapsed.page, request.node.callspec.id
    expect(page.get_by_text("stays installable; newer releases need a new license")).to_be_visible()
    for gone in ("Cancel at the end of the paid time", "Change plan or quantity"):
        expect(page.get_by_text(gone)).to_have_count(0)
    expect(page.get_by_role("button", name="Revoke first key")).to_be_visible()
    look_at(lapsed, f"account lapsed {how}")

    page.get_by_role("link", name="Receipts").click()
    page.locator("tbody a").first.click()
    look_at(lapsed, f"receipt lapsed {how}")
    page.goto("/account/tickets/")
    look_at(lapsed, f"tickets lapsed {how}")
    page.goto("/diagnose/")
    look_at(lapsed, f"diagnose lapsed {how}")

    lapsed.press_buy()
    lapsed.pay()
    lapsed.wait_for_welcome()
    page.goto("/account/")
    expect(page.get_by_text("Hare Pro with unlimited threads: renews on")).to_be_visible()
    look_at(lapsed, f"account came back {how}")
