"""A question asked on the page, and answered by the owner without a mouse."""

import pytest
from playwright.sync_api import expect

from tests.browser.looking import look_at

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_ticket_is_asked_and_answered_without_a_mouse(person, demo, width: int, scheme: str):
    buyer, owner = (person(width=width, color_scheme=scheme) for _ in range(2))
    buyer.press_buy()
    buyer.pay()
    buyer.wait_for_welcome()
    buyer.ask_for_code()
    buyer.enter_code()
    asking = buyer.page
    hangs = f"It hangs at {width}, {scheme}"
    for subject in (hangs, "It is slow"):
        asking.goto("/account/tickets/")
        look_at(buyer, f"tickets {width} {scheme}")
        asking.get_by_label("Subject").fill(subject)
        asking.get_by_label("What happens").fill("With 200 threads.\n> one\n> two\n> three\n")
        asking.get_by_label("Files").set_input_files(
            {"name": "a.html", "mimeType": "text/html", "buffer": b"<script>alert(1)</script>"}
        )
        asking.get_by_role("button", name="Open the ticket").click()
        expect(asking.get_by_role("heading", level=1)).to_contain_text(subject)
    look_at(buyer, f"ticket {width} {scheme}")

    page = owner.page
    page.goto("/owner/")
    page.get_by_label("Email").fill(demo.owner)
    page.get_by_label("Password").fill(demo.password)
    page.locator("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/owner/")
    page.goto("/owner/tickets/")
    look_at(owner, f"desk {width} {scheme}")
    page.get_by_role("link", name=hangs).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(hangs)
    look_at(owner, f"desk ticket {width} {scheme}")
    page.keyboard.type("Try 2.1.")  # the box has the focus already
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # "Send and wait"
    expect(page.get_by_role("status")).to_contain_text("Done with #")

    asking.goto("/account/tickets/")
    asking.get_by_role("link", name=hangs).click()
    expect(asking.locator("main")).to_contain_text("Try 2.1.")
    expect(asking.locator("main")).to_contain_text("waiting for you")
    with asking.expect_download() as download:
        asking.get_by_role("link", name="a.html").click()
    assert download.value.suggested_filename == "a.html"
    page.goto("/owner/tickets/inbox/")
    look_at(owner, f"inbox {width} {scheme}")
