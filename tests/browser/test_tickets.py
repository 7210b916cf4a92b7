"""A question asked on the page or by mail, and answered by the owner without a mouse."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.looking import assert_accessible, assert_not_too_wide, look_at, take_picture

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]
EACH_LOOK = [
    pytest.mark.parametrize("width", [320, 1280]),
    pytest.mark.parametrize("scheme", ["light", "dark"]),
]


def each_look(test):
    for mark in EACH_LOOK:
        test = mark(test)
    return test


def sign_in_as_owner(page: Page, demo) -> None:
    page.goto("/owner/")
    page.get_by_label("Email").fill(demo.owner)
    page.get_by_label("Password").fill(demo.password)
    page.locator("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/owner/")


def buy_and_sign_in(buyer) -> None:
    buyer.press_buy()
    buyer.pay()
    buyer.wait_for_welcome()
    buyer.ask_for_code()
    buyer.enter_code()


def ask(buyer, subject: str) -> None:
    page = buyer.page
    page.goto("/account/tickets/")
    page.get_by_label("Subject").fill(subject)
    page.get_by_label("What happens").fill("With 200 threads.\n> one\n> two\n> three\n")
    page.get_by_label("Files").set_input_files(
        {"name": "a.html", "mimeType": "text/html", "buffer": b"<script>alert(1)</script>"}
    )
    page.get_by_role("button", name="Open the ticket").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(subject)


def write(page: Page, demo, *, sender: str, subject: str, text: str, to: str = "") -> None:
    """A mail to the shop, written in the demo's mailboxes."""
    page.goto(f"{demo.mailboxes}/")
    page.get_by_label("From").fill(sender)
    if to:
        page.get_by_label("To").fill(to)
    page.get_by_label("Subject").fill(subject)
    page.get_by_label("Text").fill(text)
    page.get_by_role("button", name="Send the mail").click()
    expect(page.get_by_role("status")).to_contain_text("Sent")


def wait_for_mail(page: Page, demo, name: str) -> None:
    page.goto(f"{demo.mailboxes}/")
    link = page.get_by_role("link", name=name).first
    for _ in range(50):
        if link.count():
            break
        page.wait_for_timeout(200)
        page.reload()
    link.click()


@each_look
def test_a_ticket_is_asked_and_answered_without_a_mouse(person, demo, width: int, scheme: str):
    buyer, owner = (person(width=width, color_scheme=scheme) for _ in range(2))
    buy_and_sign_in(buyer)
    hangs = f"It hangs at {width}, {scheme}"
    ask(buyer, hangs)
    ask(buyer, "It_is_slow_" + "w" * 120)  # no room to break at
    look_at(buyer, f"ticket {width} {scheme}")

    page = owner.page
    sign_in_as_owner(page, demo)
    page.get_by_role("link", name="Answer tickets").click()
    look_at(owner, f"desk {width} {scheme}")
    if width > 1000:  # a subject without room to break hides no column
        assert owner.page.get_by_role("columnheader", name="About").bounding_box()["x"] < width
    page.get_by_role("link", name=hangs).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(hangs)
    page.keyboard.type("Try 2.1.")  # the box has the focus already
    page.get_by_role("button", name="Preview").press("Enter")
    expect(page.get_by_role("region", name="Preview")).to_contain_text("Try 2.1.\n\n-- ")
    look_at(owner, f"desk preview {width} {scheme}")
    page.get_by_label("Answer (plain text)").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # "Send and wait"
    expect(page.get_by_role("status")).to_contain_text("Done with #")

    asking = buyer.page
    asking.goto("/account/tickets/")
    look_at(buyer, f"tickets {width} {scheme}")
    asking.get_by_role("link", name=hangs).click()
    expect(asking.locator("main")).to_contain_text("Try 2.1.")
    expect(asking.locator("main")).to_contain_text("waiting for you")
    with asking.expect_download() as download:
        asking.get_by_role("link", name="a.html").click()
    assert download.value.suggested_filename == "a.html"


@each_look
def test_every_page_of_the_desk(person, demo, width: int, scheme: str):
    buyer, owner = (
        person(width=width, color_scheme=scheme, java_script_enabled=who == "buyer")
        for who in ("buyer", "owner")
    )
    buyer.press_buy()
    buyer.pay()
    buyer.wait_for_welcome()
    subject, asking = f"Mail at {width}, {scheme}", buyer.page
    write(asking, demo, sender=buyer.email, subject=subject, text="Why?\n\n>>> import hare_pro")
    wait_for_mail(asking, demo, f"Re: {subject}")
    asking.get_by_label("Text").fill("Besides: invoices?\n> a\n> b\n> c\n")
    asking.get_by_role("button", name="Send the mail").click()
    stranger = f"who{width}{scheme}@elsewhere.example"
    write(asking, demo, sender=stranger, subject=f"Schools {width} {scheme}", text="Do you sell?")
    wait_for_mail(asking, demo, f"Re: Schools {width} {scheme}")

    page = owner.page
    sign_in_as_owner(page, demo)
    page.goto("/owner/tickets/")
    page.get_by_role("link", name=subject).click()
    expect(page.locator("main")).to_contain_text("invoices?")
    look_without_script(owner, buyer, f"desk ticket {width} {scheme}")
    page.get_by_role("link", name="Answer in public").click()
    look_without_script(owner, buyer, f"public {width} {scheme}")
    page.get_by_role("link", name="Back to the ticket").click()
    page.get_by_text("Another matter from here on?").click()
    page.get_by_label("Subject of the new ticket").fill("Invoices")
    page.get_by_role("button", name="Make it a ticket of its own").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Invoices")
    page.goto("/owner/tickets/inbox/")
    look_without_script(owner, buyer, f"inbox {width} {scheme}")
    page.get_by_role("link", name=f"Schools {width} {scheme}").click()
    expect(page.locator("main")).to_contain_text("Do you sell?")
    look_without_script(owner, buyer, f"inbox mail {width} {scheme}")
    page.get_by_role("button", name="Make a ticket").click()
    page.get_by_role("link", name="Write to them").click()
    look_without_script(owner, buyer, f"write {width} {scheme}")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Schools {width} {scheme}")


def look_without_script(person, helper, name: str) -> None:
    """Axe needs a script, which the page must not: another person looks at the same words."""
    take_picture(person, name)
    context = helper.page.context.browser.new_context(
        viewport=person.page.viewport_size,
        color_scheme="dark" if "dark" in name else "light",
        storage_state=person.page.context.storage_state(),
    )
    second = type(person)(context.new_page(), person.email, person.mail_folder)
    second.page.goto(person.page.url)
    assert_not_too_wide(second)
    assert_accessible(second)
    context.close()
    assert second.complaints == []


def test_a_newcomer_answers_the_notice_as_the_owner(person, demo):
    buyer = person()
    buyer.press_buy()
    buyer.pay()
    buyer.wait_for_welcome()
    page = buyer.page
    write(page, demo, sender=buyer.email, subject="By mail alone", text="Why?")
    wait_for_mail(page, demo, "By mail alone (")
    look_at(buyer, "mailboxes notice")
    box = page.get_by_label("Text")
    box.fill(f"Because of 2.0.\n{box.input_value()}")
    page.get_by_role("button", name="Send the mail").click()
    page.goto(f"{demo.mailboxes}/")
    look_at(buyer, "mailboxes")

    buyer.ask_for_code()
    buyer.enter_code()
    page.goto("/account/tickets/")
    page.get_by_role("link", name="By mail alone").click()
    for _ in range(50):
        if page.get_by_text("Because of 2.0.").count():
            break
        page.wait_for_timeout(200)
        page.reload()
    expect(page.locator("main")).to_contain_text("Because of 2.0.")
    expect(page.locator("main")).not_to_contain_text("this quarter, due")
