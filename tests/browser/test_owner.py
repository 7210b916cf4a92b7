"""The owner's pages under the same strict Content-Security-Policy as everybody's."""

import pytest
from playwright.sync_api import expect

from tests.browser.looking import assert_accessible, look_at, take_picture
from tests.browser.person import Person

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]


OWN_PAGES = (
    "business",
    "business/arr",
    "business/renewals",
    "business/deferred",
    "business/installs",
    "business/recomputed",
    "tickets",
    "catalog",
    "catalog/products/1/close",
    "catalog/prices/1/move",
)


def sign_in(owner: Person, demo) -> None:
    owner.page.goto("/owner/")
    owner.page.get_by_label("Email").fill(demo.owner)
    owner.page.get_by_label("Password").fill(demo.password)
    owner.page.locator("main").get_by_role("button", name="Sign in").click()
    owner.page.wait_for_url("**/owner/")


def test_the_owner_signs_in_and_opens_every_list_and_the_first_of_each(person, demo):
    buyer, owner = person(), person()
    buyer.press_buy()  # so that the lists are not empty
    buyer.pay()
    buyer.wait_for_welcome()

    page = owner.page
    sign_in(owner, demo)
    assert_accessible(owner)
    take_picture(owner, "owner")
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        for name in OWN_PAGES:
            page.goto(f"/owner/{name}/")
            look_at(owner, f"owner {name} {width}")
    page.goto("/owner/")

    lists = page.locator("th[scope=row] a").evaluate_all("links => links.map(a => a.href)")
    assert len(lists) > 5
    for address in lists:
        page.goto(address)
        expect(page.locator("#content h1")).to_be_visible()
        assert_accessible(owner)
        row = page.locator("#result_list tbody th a")
        if row.count():
            row.first.click()
            expect(page.locator("#content h1")).to_be_visible()
            take_picture(owner, f"owner {address.split('/owner/')[1]}")


@pytest.mark.parametrize("width", [320, 1280])
def test_the_owner_looks_at_an_account_as_its_customer_sees_it(person, demo, width: int):
    buyer, owner = person(), person(width=width)
    buyer.press_buy()
    buyer.pay()
    buyer.wait_for_welcome()
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
