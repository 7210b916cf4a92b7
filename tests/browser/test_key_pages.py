"""Every page of the buyer, looked at as he sees it: four ways, and weighed (bin/screenshots)."""

import json
import re
import uuid
from collections.abc import Callable
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Response, expect

from tests.browser.looking import assert_nothing_jumps, look_at
from tests.browser.person import Person

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]
MOST_BYTES = 60_000
MOST_REQUESTS = 5  # the page, one stylesheet, two scripts, the icon
PUBLIC = {
    "home": "/",
    "pricing": "/pricing/",
    "buying": "/buying/",
    "product": "/products/hare/",
    "license": "/license/",
    "changelog": "/products/hare/changelog/",
    "diagnose": "/diagnose/",
}
OF_THE_ACCOUNT = ("receipts", "people", "usage", "close")


@pytest.fixture
def walk(demo) -> Callable[[Person, str, str, str], None]:
    """Open a page, look at it, and weigh it as a browser does that was never there."""

    def walk(person: Person, path: str, name: str, how: str) -> None:
        asked: list[Response] = []

        def note(response: Response) -> None:
            asked.append(response)

        person.page.on("response", note)
        person.page.goto(path, wait_until="networkidle")
        person.page.remove_listener("response", note)
        weight = sum(int(one.headers["content-length"]) for one in asked if one.status == 200)
        hosts = {urlsplit(one.url).netloc for one in asked}
        assert hosts == {urlsplit(demo.url).netloc}, f"{path} asks {hosts}"
        assert weight <= MOST_BYTES, f"{path} weighs {weight} bytes"
        assert len(asked) <= MOST_REQUESTS, f"{path} asks for {[one.url for one in asked]}"
        assert_nothing_jumps(person)
        look_at(person, f"{name} {how}")

    return walk


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_each_page_of_the_shop_and_the_account(person, demo, walk, width: int, colors: str):
    buyer = person(width=width, color_scheme=colors)
    page, how = buyer.page, f"{width} {colors}"
    for name, path in PUBLIC.items():
        walk(buyer, path, name, how)
    form = page.locator("form").filter(has=page.get_by_text("Buy Enterprise per year"))
    page.goto("/pricing/")
    form.get_by_label("Blocks of 100 threads").fill("12")
    expect(form.locator("output")).to_have_text("$27,480 per year, $2,290 each")
    form.get_by_role("button", name="Total and quote").click()
    page.get_by_label("Your company").fill("Company GmbH")
    page.get_by_role("button", name="Write it").click()
    look_at(buyer, f"quote {how}")

    buyer.press_buy("Buy Enterprise per year")
    buyer.pay()
    buyer.wait_for_welcome()
    look_at(buyer, f"welcome {how}")
    buyer.ask_for_code()
    buyer.enter_code()
    walk(buyer, "/account/", "account", how)
    [start] = re.findall(
        r"/account/\d+/", page.get_by_role("link", name="Usage").get_attribute("href")
    )
    for name in OF_THE_ACCOUNT:
        walk(buyer, f"{start}{name}/", name, how)
    page.goto("/account/")
    threads = page.get_by_role("link", name="Threads", exact=True).get_attribute("href")
    use_threads(buyer, demo, str(threads))
    walk(buyer, str(threads), "threads", how)
    page.goto(f"{start}receipts/")
    page.locator("tbody a").first.click()
    look_at(buyer, f"receipt {how}")
    walk(buyer, "/account/address/", "address", how)
    page.goto("/account/")
    page.get_by_role("link", name="Change plan or quantity").click()
    look_at(buyer, f"change {how}")
    page.goto(page.url.replace("/change/", "/refund/"))
    look_at(buyer, f"refund {how}")


def test_what_comes_late_and_pushes_the_page_down_is_seen(person):
    """The check that nothing jumps does see a jump."""
    buyer = person()
    buyer.page.goto("/pricing/", wait_until="networkidle")
    buyer.page.evaluate(
        "document.body.prepend(...Array(9).fill('late').map(text => {"
        "const p = document.createElement('p'); p.append(text); return p; }))"
    )
    buyer.page.wait_for_timeout(100)

    with pytest.raises(AssertionError, match="shifts by"):
        assert_nothing_jumps(buyer)


def test_the_way_of_a_key_without_a_script(person):
    """Make, rotate, see the old one end, revoke: on a phone, with JavaScript off."""
    buyer = person(width=320, java_script_enabled=False)
    page = buyer.page
    buyer.press_buy()
    buyer.pay()
    buyer.wait_for_welcome()
    buyer.ask_for_code()
    buyer.enter_code()

    page.get_by_label("Name of a new key").fill("laptop")
    page.get_by_role("button", name="Make a key").click()
    first = buyer.shown_key()
    page.goto("/account/")
    page.get_by_role("button", name="Rotate laptop").click()
    assert buyer.shown_key() not in {"", first}
    expect(page.get_by_text("The old key ends in 7 days")).to_be_visible()
    page.goto("/account/")

    expect(page.get_by_text("not used since the rotation")).to_be_visible()
    expect(page.get_by_role("button", name="Revoke laptop")).to_have_count(2)


def test_threads_are_seen_and_released_without_a_script(person, demo):
    """A key for leases, processes that use it, one that is stuck: on a phone, no JavaScript."""
    buyer = person(width=320, java_script_enabled=False)
    page = buyer.page
    buyer.press_buy("Buy Enterprise per month")
    buyer.pay()
    buyer.wait_for_welcome()
    buyer.ask_for_code()
    buyer.enter_code()
    page.goto("/account/")
    page.get_by_role("link", name="Threads", exact=True).click()
    address = page.url
    use_threads(buyer, demo, address)

    page.goto(address)
    expect(page.get_by_text("200 of 100 threads are leased in production")).to_be_visible()
    expect(page.get_by_text("1 process waits for threads")).to_be_visible()
    expect(page.get_by_role("link", name="See the exact amount for 300 threads")).to_be_visible()
    page.get_by_role("button", name="Release worker-0.company.example/1").click()

    expect(page.get_by_text("Its threads are free")).to_be_visible()
    expect(page.get_by_text("150 of 100 threads are leased in production")).to_be_visible()
    page.get_by_role("link", name="See the exact amount for 300 threads").click()
    expect(page.get_by_text("$807")).to_be_visible()


def use_threads(buyer: Person, demo, address: str) -> None:
    """Make a key on the page *address*; five processes want 50 threads each with it."""
    buyer.page.goto(address)
    buyer.page.get_by_label("Name of a new key").fill("production")
    buyer.page.get_by_role("button", name="Make a key").click()
    key = buyer.shown_key()
    for number in range(5):
        lease_threads(demo.url, key, threads=50, slot=f"worker-{number}.company.example/1")


def lease_threads(url: str, key: str, *, threads: int, slot: str) -> None:
    fields = {"v": 1, "threads": threads, "env": "production", "slot": slot, "pkg": "hare-ent"}
    body = json.dumps({**fields, "ver": "2.1.0", "nonce": "bm9uY2U", "seq": 1}).encode()
    request = Request(f"{url}/v1/leases/{uuid.uuid4()}", body, method="PUT")
    request.add_header("Authorization", f"Bearer {key}")
    with urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def test_the_total_is_had_without_a_script(person):
    buyer = person(java_script_enabled=False)
    page = buyer.page
    page.goto("/pricing/")

    form = page.locator("form").filter(has=page.get_by_text("Buy Enterprise per month"))
    form.get_by_label("Blocks of 100 threads").fill("5")
    form.get_by_role("button", name="Total and quote").click()

    expect(page.get_by_text("$1,245 per month")).to_be_visible()


def test_what_is_printed_of_a_quote_is_the_quote(person):
    buyer = person()
    page = buyer.page
    page.goto("/pricing/")
    page.get_by_role("button", name="Total and quote for Pro per year").click()

    page.emulate_media(media="print")

    expect(page.get_by_text("$995 per year")).to_be_visible()
    for gone in ("Buy as quoted", "Sign in", "Print this page"):
        expect(page.get_by_text(gone)).to_be_hidden()
