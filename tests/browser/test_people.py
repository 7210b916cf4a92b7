"""A colleague joins, an address changes and is taken back: on a phone."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.looking import look_at
from tests.browser.person import Person

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]


def sign_in(one: Person) -> None:
    one.ask_for_code()
    one.enter_code()


@pytest.fixture
def buyer(person) -> Person:
    """Bought, and signed in."""
    buyer: Person = person(width=320)
    buyer.press_buy()
    buyer.pay()
    buyer.wait_for_welcome()
    sign_in(buyer)
    return buyer


def test_a_colleague_is_added_sees_the_account_and_is_offered_it(buyer, person):
    colleague = person(width=320)
    page = buyer.page
    page.get_by_role("link", name="People").click()
    page.get_by_label("E-mail address").fill(colleague.email)
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("status").last).to_contain_text("may sign in to this account")

    sign_in(colleague)
    theirs = colleague.page
    expect(theirs.get_by_text("Hare Pro with unlimited threads")).to_be_visible()
    theirs.get_by_role("link", name="People").click()
    expect(theirs.get_by_role("button", name="Add")).to_have_count(0)
    look_at(colleague, "people colleague 320 light")

    page.get_by_role("button", name=f"Offer the account to {colleague.email}").click()
    look_at(buyer, "people offered 320 light")
    theirs.reload()
    theirs.get_by_role("button", name="Take the account").click()
    expect(theirs.get_by_role("button", name="Add")).to_have_count(1)


def test_an_address_changes_and_the_old_one_takes_it_back(buyer, person):
    new = person(width=320)
    page = buyer.page
    page.get_by_role("link", name="Use another address").click()
    page.get_by_label("New e-mail address").fill(new.email)
    page.get_by_role("button", name="Send the code").click()
    look_at(buyer, "address code 320 light")
    page.get_by_label("Code").fill(new.mailed_code())
    page.get_by_role("button", name="Change the address").click()
    expect(page.get_by_text(f"Signed in as {new.email}")).to_be_visible()

    link = buyer.mailed(re.compile(r"http://\S+/account/address/undo/\S+"))
    new.page.goto(link)
    look_at(new, "address undo 320 light")
    new.page.get_by_role("button", name="Take it back").click()

    expect(new.page.get_by_role("status").last).to_contain_text(f"{buyer.email} signs in again")
    page.goto("/account/")
    expect(page).to_have_url(re.compile("/account/login/"))
