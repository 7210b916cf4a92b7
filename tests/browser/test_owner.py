"""The owner's pages under the same strict Content-Security-Policy as everybody's."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.looking import assert_accessible, look_at, take_picture
from tests.browser.person import Person

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]
LOOKS = [(320, "dark"), (320, "light"), (1280, "light"), (1280, "dark")]
BEGINNINGS = ("/owner/business/", "/owner/catalog/", "/owner/tickets/")


def sign_in(owner: Person, demo) -> None:
    owner.page.goto("/owner/")
    owner.page.get_by_label("Email").fill(demo.owner)
    owner.page.get_by_label("Password").fill(demo.password)
    owner.page.locator("main").get_by_role("button", name="Sign in").click()
    owner.page.wait_for_url("**/owner/")


def buy(buyer: Person) -> None:
    buyer.press_buy()
    buyer.pay()
    buyer.wait_for_welcome()


def own_pages(page: Page) -> Iterator[str]:
    """Whatever the owner's own pages lead to, one of each kind."""
    page.goto(
        "/owner/billing/price/"
    )  # its page of moving is led to once there is somebody to move
    price = page.locator("#result_list tbody th a").first.get_attribute("href") or ""
    [number] = re.findall(r"/(\d+)/change/", price)
    waiting, seen = [*BEGINNINGS, f"/owner/catalog/prices/{number}/move/"], set()
    while waiting:
        path = waiting.pop(0)
        kind = re.sub(r"\d+", "0", path)
        if kind in seen:
            continue
        seen.add(kind)
        page.goto(path)
        yield path
        links = page.locator("main a").evaluate_all("links => links.map(a => a.pathname)")
        pages = [one for one in links if one.endswith("/") and "/files/" not in one]
        waiting += [one for one in pages if one.startswith(BEGINNINGS)]


def test_the_owners_own_pages_by_day_and_by_night_on_a_phone_and_a_screen(person, demo):
    buyer, owner = person(), person()
    buy(buyer)
    sign_in(owner, demo)
    page = owner.page

    kinds = []
    for path in own_pages(page):
        kinds.append(re.sub(r"[\d-]+", "0", path.removeprefix("/owner/")))
        for width, colors in LOOKS:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=colors)
            look_at(owner, f"owner {kinds[-1]} {width} {colors}")

    assert set(kinds) >= {
        "business/", "business/arr/", "business/cash/", "business/customers/",
        "business/deferred/", "business/installs/",
        "business/moved/0/", "business/recomputed/", "business/renewals/", "business/support/",
        "catalog/", "catalog/prices/0/move/", "catalog/products/0/close/",
        "tickets/", "tickets/inbox/", "tickets/new/",
    }  # fmt: skip


def test_the_admin_opens_every_list_and_every_form(person, demo):
    buyer, owner = person(), person()
    buy(buyer)  # so that the lists are not empty
    page = owner.page
    sign_in(owner, demo)
    assert_accessible(owner)
    take_picture(owner, "owner")

    lists = page.locator("th[scope=row] a").evaluate_all("links => links.map(a => a.href)")
    assert len(lists) > 5
    forms = []
    for address in lists:
        page.goto(address)
        expect(page.locator("#content h1")).to_be_visible()
        assert_accessible(owner)
        links = page.locator("#result_list tbody tr:first-child th a, .object-tools a.addlink")
        forms += links.evaluate_all("links => links.map(a => a.href)")
    kinds = {re.sub(r"\d+/", "", one.split("/owner/")[1]) for one in forms}
    assert kinds >= {
        "billing/invoicecontract/add/", "billing/offer/add/", "billing/price/add/",
        "billing/price/change/", "billing/subscription/change/", "licenses/credential/change/",
        "licenses/customer/add/", "licenses/customer/change/", "licenses/license/change/",
        "licenses/product/change/", "licenses/tier/change/", "pkgindex/project/change/",
        "pkgindex/release/change/", "support/cannedreply/change/", "support/vacation/add/",
    }  # fmt: skip
    for number, address in enumerate(forms):
        width, colors = LOOKS[number % 2 * 2]  # a phone by night, a screen by day
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=colors)
        page.goto(address)
        look_at(owner, f"owner {address.split('/owner/')[1]} {width} {colors}", preload=False)


def test_an_offer_is_made_and_followed_without_a_script(person, demo):
    """The owner's way with an experiment: a price, its days, and where it stands afterwards."""
    owner = person(width=320, color_scheme="dark", java_script_enabled=False)
    page = owner.page
    sign_in(owner, demo)
    page.goto("/owner/billing/price/add/")
    page.get_by_label("Tier:").select_option(label="Hare Pro")
    page.get_by_label("Lookup key:").fill("autumn")
    page.get_by_label("Interval:").select_option("year")
    page.get_by_label("Unit amount cents:").fill("79500")
    page.get_by_label("Is on sale").uncheck()
    page.get_by_role("button", name="Save", exact=True).click()
    give_reason(page)
    page.goto("/owner/business/")
    page.get_by_role("link", name="a price, its days, and what you expect of it").click()
    page.get_by_label("Name:").fill("Autumn")
    page.get_by_label("Price:").select_option(label="autumn")
    page.get_by_label("Hypothesis:").fill("Ten more will come.")
    page.get_by_label("Starts on:").fill("2040-09-01")
    page.get_by_label("Ends on:").fill("2040-09-30")
    page.get_by_role("button", name="Save", exact=True).click()
    give_reason(page)

    page.goto("/owner/business/")
    row = page.get_by_role("row").filter(has_text="Autumn")
    expect(row).to_contain_text("2040-09-01 to 2040-09-30")
    take_picture(owner, "owner business without script 320 dark")
    row.get_by_role("link", name="Autumn").click()
    expect(page.get_by_text("Expected: Ten more will come.")).to_be_visible()
    page.get_by_role("link", name="Change it").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Yes").click()
    give_reason(page)


def give_reason(page: Page) -> None:
    box = page.get_by_label("Reason")
    if box.count():
        box.fill("An experiment.")
        page.locator("main").get_by_role("button").click()


@pytest.mark.parametrize("width", [320, 1280])
def test_the_owner_looks_at_an_account_as_its_customer_sees_it(person, demo, width: int):
    buyer, owner = person(), person(width=width)
    buy(buyer)
    sign_in(owner, demo)
    page = owner.page

    page.goto("/owner/licenses/customer/")
    page.locator("#result_list tbody th a").first.click()
    page.get_by_role("link", name="View on site").click()

    expect(page.get_by_role("status").first).to_contain_text("Nothing can be done here")
    expect(page.get_by_role("button", name="Make a key")).to_be_disabled()
    expect(page.get_by_role("button", name="Revoke first key")).to_be_disabled()
    look_at(owner, f"viewed account {width} light")
    page.goto("/owner/licenses/owneract/")
    expect(page.locator("#result_list")).to_contain_text("view as customer")
