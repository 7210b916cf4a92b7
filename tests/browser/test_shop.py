"""The buyer's way through a real browser, on a phone and a screen, by day and by night."""

import pytest
from playwright.sync_api import expect

from tests.browser.looking import look_at
from tests.browser.person import CARD_OF_A_CAREFUL_BANK

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_a_buyer_gets_a_key_and_looks_after_it(person, width, colors):
    buyer = person(width=width, color_scheme=colors)
    page = buyer.page

    def look(name: str) -> None:
        look_at(buyer, f"{name} {width} {colors}")

    page.goto("/pricing/")
    look("1 pricing")
    buyer.press_buy()
    look("2 paying")
    buyer.pay()
    buyer.wait_for_welcome()
    first = buyer.shown_key()
    assert first.startswith("wb_ix_")
    expect(page.get_by_role("region", name="For pip")).to_contain_text(
        f"__token__:{first}@localhost"
    )
    expect(page.get_by_role("region", name="License")).to_contain_text("WHEELBARROW_LICENSE=")
    look("3 welcome")

    page.goto("/account/login/code/")
    look("4 sign in")
    buyer.ask_for_code()
    look("5 code")
    buyer.try_code("AAAA-AAAA")
    expect(page.get_by_text("Incorrect code")).to_be_visible()
    look("5 wrong code")
    buyer.enter_code()
    expect(page.get_by_text("Hare Pro with unlimited threads: renews on")).to_be_visible()
    look("6 account")

    page.get_by_label("Name of a new key").fill("laptop")
    page.get_by_role("button", name="Make a key").click()
    assert buyer.shown_key().startswith("wb_ix_")
    assert buyer.shown_key() != first
    look("7 new key")
    page.goto("/account/")
    page.get_by_role("button", name="Revoke laptop").click()
    expect(page.get_by_role("status")).to_contain_text("is refused from now on")
    page.get_by_text("Keys that ended").click()
    expect(page.get_by_role("listitem").filter(has_text="laptop")).to_contain_text("revoked")
    look("8 key revoked")


def test_everything_works_without_javascript(person):
    buyer = person(java_script_enabled=False)

    buyer.press_buy()
    buyer.pay()
    buyer.wait_for_welcome()
    first = buyer.shown_key()
    buyer.ask_for_code()
    buyer.enter_code()
    buyer.page.get_by_label("Name of a new key").fill("laptop")
    buyer.page.get_by_role("button", name="Make a key").click()

    assert first.startswith("wb_ix_")
    assert buyer.shown_key().startswith("wb_ix_")
    assert buyer.shown_key() != first


def test_what_is_meant_to_be_pasted_has_a_button_that_copies_it(person):
    buyer = person(permissions=["clipboard-read", "clipboard-write"])
    buyer.press_buy()
    buyer.pay()
    buyer.wait_for_welcome()

    buyer.page.get_by_role("region", name="Your key").locator("+ button").click()

    expect(buyer.page.get_by_role("button", name="Copied")).to_be_visible()
    assert buyer.page.evaluate("navigator.clipboard.readText()") == buyer.shown_key()


def test_a_card_that_asks_for_3d_secure_pays_after_the_banks_page(person):
    buyer = person(width=320)
    buyer.press_buy()
    buyer.pay(CARD_OF_A_CAREFUL_BANK)

    complete = buyer.page.get_by_role("button", name="Complete authentication")
    complete.wait_for()
    look_at(buyer, "2 3-d secure 320 light")
    complete.click()
    buyer.wait_for_welcome()

    assert buyer.shown_key().startswith("wb_ix_")


def test_enterprise_is_sold_by_the_hundred_threads(person):
    buyer = person()
    page = buyer.page
    page.goto("/pricing/")

    form = page.locator("form").filter(has=page.get_by_text("Buy Enterprise per month"))
    form.get_by_label("Blocks of 100 threads").fill("5")
    form.get_by_role("button", name="Buy").click()
    buyer.pay()
    buyer.wait_for_welcome()

    expect(page.get_by_text("500 threads")).to_be_visible()


@pytest.mark.parametrize("path", ["/account/login/", "/account/login/code/", "/account/"])
def test_the_doors_fit_a_small_phone(person, path):
    stranger = person(width=320)

    stranger.page.goto(path)

    look_at(stranger, f"9{path} 320 light")
    expect(stranger.page.get_by_role("heading", level=1)).to_be_visible()


def test_a_lost_person_finds_the_way_back(person):
    stranger = person(width=320)

    stranger.page.goto("/nowhere/")

    look_at(stranger, "9 not found 320 light")
    stranger.page.get_by_role("link", name="Pricing").first.click()
    expect(stranger.page.get_by_role("heading", name="Hare").first).to_be_visible()
    assert {text for text in stranger.complaints if "404" not in text} == set()
    stranger.complaints.clear()
