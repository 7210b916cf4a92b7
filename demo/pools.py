"""A customer's production: five processes that want fifty threads each, on a block of a hundred."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.buyer import Browser, Step, buy, install
from demo.processes import DemoFailed

EMAIL = "ops@company.example"
LIMIT, WANTED, PROCESSES = 100, 50, 5
WAIT_SECONDS = 100  # whoever stands by asks every minute, give or take a fifth
CODE = re.compile(r"^([A-Z0-9]{4}-[A-Z0-9]{4})$", re.MULTILINE)


@dataclass
class Production:
    """The customer's machine: processes by their slot."""

    python: Path
    folder: Path
    variables: dict[str, str]
    running: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, slot: int) -> None:
        with self._log(slot).open("wb") as log:
            self.running[slot] = subprocess.Popen(
                [str(self.python), "-u", "-m", "hare_ent", "work", str(WANTED)],
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(self.folder),
                    "TMPDIR": str(self.folder),
                    "NO_PROXY": "localhost",
                    "WHEELBARROW_SLOT": str(slot),
                    **self.variables,
                },
                stdout=log,
                stderr=log,
            )

    def stop(self, slot: int, how: signal.Signals) -> None:
        process = self.running.pop(slot)
        process.send_signal(how)
        process.wait(30)

    def said(self, slot: int) -> str:
        return self._log(slot).read_text()

    def _log(self, slot: int) -> Path:
        return self.folder / f"pool-{slot}.log"


@dataclass(frozen=True)
class Account:
    """The page of the license's threads, as its holder sees it."""

    browser: Browser
    url: str

    def leases(self) -> dict[int, dict[str, Any]]:
        """By slot."""
        listed = json.loads(self.browser.get(self.url.rstrip("/") + ".json").text)["leases"]
        found = {int(one["slot"].rpartition("/")[2]): one for one in listed}
        if len(found) != len(listed):
            raise DemoFailed(f"a slot has two leases: {listed}")
        return found

    def make_key(self, shop: str) -> str:
        page = self.browser.get(self.url)
        fields = {**page.fields("Make a key"), "name": "production"}
        return self.browser.post(f"{shop}/account/keys/", fields, referer=page.url).copied("key")


def go_the_pools_way(shop: str, mailboxes: str, folder: Path, step: Step) -> None:
    """Buy a block, lease its threads, and see who gets how many; raises DemoFailed."""
    browser = Browser()
    with step("Buying a hundred threads"):
        welcome = buy(browser, shop, "enterprise_monthly", EMAIL)
    with step("Making a key for them"):
        account = _sign_in(browser, shop, mailboxes)
        key = account.make_key(shop)
    python = folder / "buyer" / "bin" / "python"
    with step("Installing as the page says"):
        install(python, welcome.copied("snippet-pip"))
    name, _, document = welcome.copied("document").removeprefix("export ").partition("=")
    with _production(python, folder, {name: document, "WHEELBARROW_LEASE_KEY": key}) as production:
        with step("Starting five processes that want fifty"):
            waiting = _start_all(production, account)
        with step("Killing one, and starting it again in its place"):
            _kill_and_start(production, account, waiting)
        with step("Ending one, so that the one that waits gets threads"):
            ended = next(slot for slot in production.running if slot != waiting)
            production.stop(ended, signal.SIGTERM)
            _until(lambda: _threads(account, waiting) == WANTED, production, waiting)


def _start_all(production: Production, account: Account) -> int:
    """The slot of the process that gets nothing."""
    for slot in range(PROCESSES):
        production.start(slot)
    _until(lambda: len(account.leases()) == PROCESSES, production, 0)
    leases = account.leases()
    firm = sum(one["firm"] for one in leases.values())
    total = firm + sum(one["surge"] for one in leases.values())
    if firm > LIMIT * 11 // 10 or total > 2 * LIMIT:
        raise DemoFailed(f"{firm} firm threads, {total} in all, of {LIMIT}")
    [waiting] = [slot for slot, one in leases.items() if one["firm"] + one["surge"] == 0]
    told = f"allows {LIMIT} threads", account.url, "standing by"
    _until(lambda: all(text in production.said(waiting) for text in told), production, waiting)
    return waiting


def _kill_and_start(production: Production, account: Account, waiting: int) -> None:
    slot = next(slot for slot in production.running if slot != waiting)
    before = account.leases()[slot]
    production.stop(slot, signal.SIGKILL)
    production.start(slot)
    _until(lambda: account.leases().get(slot, before)["iid"] != before["iid"], production, slot)
    if (got := _threads(account, slot)) != WANTED:
        raise DemoFailed(f"the place of a killed process has {got} threads")


def _threads(account: Account, slot: int) -> int:
    lease = account.leases().get(slot, {"firm": 0, "surge": 0})
    return int(lease["firm"] + lease["surge"])


def _sign_in(browser: Browser, shop: str, mailboxes: str) -> Account:
    """By the mailed code, to the page of the license's threads."""
    page = browser.get(f"{shop}/account/login/code/")
    page = browser.post(page.url, {**page.fields("email"), "email": EMAIL}, referer=page.url)
    code = _mailed_code(browser, mailboxes)
    page = browser.post(page.url, {**page.fields("code"), "code": code}, referer=page.url)
    found = re.search(r'href="(/account/licenses/\d+/threads/)"', page.text)
    if not found:
        raise DemoFailed(f"{page.url} leads to no threads:\n{page.text[:2000]}")
    return Account(browser, f"{shop}{found[1]}")


def _mailed_code(browser: Browser, mailboxes: str) -> str:
    link = re.compile(rf'<a href="(/\d+)">Your code[^<]*</a> to {re.escape(EMAIL)}')
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        found = link.search(browser.get(f"{mailboxes}/").text)
        code = CODE.search(browser.get(f"{mailboxes}{found[1]}").text) if found else None
        if code is not None:
            return code[1]
        time.sleep(0.2)
    raise DemoFailed(f"no code was mailed to {EMAIL}")


@contextmanager
def _production(python: Path, folder: Path, variables: dict[str, str]) -> Iterator[Production]:
    production = Production(python, folder, variables)
    try:
        yield production
    finally:
        for slot in list(production.running):
            production.stop(slot, signal.SIGKILL)


def _until(what: Callable[[], bool], production: Production, slot: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not what():
        if time.monotonic() > deadline:
            raise DemoFailed(f"it did not come to pass:\n{production.said(slot)}")
        time.sleep(0.5)
