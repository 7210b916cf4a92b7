"""The buyer's way by HTTP, as a stranger goes it: a browser and an empty environment."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path

from demo.processes import DemoFailed

CARD = "4242424242424242"
EMAIL = "dev@company.example"
KEY_SECONDS = 30
Step = Callable[[str], AbstractContextManager[None]]


@dataclass
class Page:
    url: str
    text: str

    def fields(self, containing: str) -> dict[str, str]:
        """Names and values of the inputs of the form that contains this text."""
        forms: list[str] = re.findall(r"<form.*?</form>", self.text, re.DOTALL)
        form = next((one for one in forms if containing in one), None)
        if form is None:
            raise DemoFailed(f"{self.url} has no form with {containing!r}:\n{self.text[:2000]}")
        inputs: list[str] = re.findall(r"<input[^>]*>", form)
        named = [(_attribute(one, "name"), _attribute(one, "value")) for one in inputs]
        return {name: value for name, value in named if name}

    def copied(self, element_id: str) -> str:
        """What the reader would copy from the element of this id; "" if it is not there."""
        found = re.search(rf'id="{element_id}"[^>]*>(.*?)</', self.text, re.DOTALL)
        return html.unescape(found[1]).strip() if found else ""


class Browser:
    """Keeps cookies and follows redirects; runs no script, as a page must do without."""

    def __init__(self, *, follows: bool = True) -> None:
        handlers = [
            urllib.request.HTTPCookieProcessor(CookieJar()),
            urllib.request.ProxyHandler({}),
        ]
        self._opener = urllib.request.build_opener(
            *handlers, *([] if follows else [_NoRedirects()])
        )

    def get(self, url: str) -> Page:
        return self._open(urllib.request.Request(url))

    def post(self, url: str, fields: dict[str, str], *, referer: str) -> Page:
        body = urllib.parse.urlencode(fields).encode()
        return self._open(urllib.request.Request(url, body, {"Referer": referer}))

    def _open(self, request: urllib.request.Request) -> Page:
        try:
            with self._opener.open(request, timeout=30) as response:
                return Page(response.url, response.read().decode())
        except urllib.error.HTTPError as error:
            if error.code != 303:
                raise
            return Page(error.headers["Location"], "")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Stay where the answer came from."""


def go_the_buyers_way(shop: str, folder: Path, step: Step) -> None:
    """Buy Hare Pro, install it with the key that is shown, import it; raises DemoFailed."""
    browser = Browser()
    with step("Reading the prices"):
        pricing = browser.get(f"{shop}/pricing/")
    started = time.monotonic()
    with step("Pressing Buy"):
        paying = _press_buy(browser, shop, pricing, "pro_monthly")
    with step("Paying on Stripe's page"):
        welcome = _pay(browser, paying, EMAIL)
    with step("Waiting for the key"):
        welcome = _wait_for_key(browser, welcome)
    with step("Making a virtual environment"):
        python = _make_environment(folder / "buyer")
    with step("Installing as the page says"):
        install(python, welcome.copied("snippet-pip"))
    with step("Importing the paid part"):
        said = _import(python, welcome.copied("document"))
    took = time.monotonic() - started
    with step("Reading the mail"):
        _check_mail(folder / "mail", welcome.copied("key"))
    print(said)
    print(f"checkout to import: {took:.1f} s")


def buy(browser: Browser, shop: str, price: str, email: str) -> Page:
    """The page that says welcome and shows the key."""
    paying = _press_buy(browser, shop, browser.get(f"{shop}/pricing/"), price)
    return _wait_for_key(browser, _pay(browser, paying, email))


def _press_buy(browser: Browser, shop: str, pricing: Page, price: str) -> Page:
    return browser.post(f"{shop}/checkout/", pricing.fields(price), referer=pricing.url)


def _pay(browser: Browser, paying: Page, email: str) -> Page:
    card = {"card_number": CARD, "exp": "12/40", "cvc": "123", "name": "Dev", "email": email}
    fields = {**paying.fields("card_number"), **card}
    return browser.post(paying.url, fields, referer=paying.url)


def _wait_for_key(browser: Browser, page: Page) -> Page:
    deadline = time.monotonic() + KEY_SECONDS
    while not page.copied("key"):
        if time.monotonic() > deadline:
            raise DemoFailed(f"no key was shown after {KEY_SECONDS} s:\n{page.text[:2000]}")
        time.sleep(0.5)
        page = browser.get(page.url)
    return page


def _make_environment(folder: Path) -> Path:
    _run([sys.executable, "-m", "venv", str(folder)])
    return folder / "bin" / "python"


def install(python: Path, command: str) -> None:
    """Run the displayed command with this environment's pip and nothing of the machine's."""
    words = command.split()
    if words[:2] != ["pip", "install"]:
        raise DemoFailed(f"the page shows no pip command but {command!r}")
    _run([str(python), "-m", "pip", "--disable-pip-version-check", *words[1:]])


def _import(python: Path, command: str) -> str:
    name, _, document = command.removeprefix("export ").partition("=")
    said = _run([str(python), "-m", "hare_pro"], {name: document})
    if "Pro" not in said:
        raise DemoFailed(f"hare_pro found no license: {said}")
    return said


def _check_mail(folder: Path, key: str) -> None:
    deadline = time.monotonic() + KEY_SECONDS
    while time.monotonic() < deadline:
        mails = [file.read_text() for file in folder.glob("*.log")] if folder.exists() else []
        welcome = [mail for mail in mails if EMAIL in mail]
        if welcome:
            if any(key in mail for mail in mails):
                raise DemoFailed("the key stands in a mail")
            return
        time.sleep(0.2)
    raise DemoFailed(f"no welcome mail came to {folder}")


def _run(arguments: list[str], extra: dict[str, str] | None = None) -> str:
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(("PIP_", "UV_", "PYTHON", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        arguments,
        env={**clean, "PIP_CONFIG_FILE": os.devnull, "NO_PROXY": "localhost", **(extra or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise DemoFailed(f"{' '.join(arguments[:4])} failed:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return html.unescape(found[1]) if found else ""
