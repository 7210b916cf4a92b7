"""The whole demo on loopback, and people with a real Chromium in front of it."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from demo.run import OWNER, Demo
from tests.browser.person import Person

# Without these Chromium asks its maker's hosts about updates and the like at every start.
QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]
PATIENCE_MS = 15_000

_numbers = count(1)


@dataclass(frozen=True)
class RunningDemo:
    url: str
    stripe: str
    mail: Path
    mailboxes: str
    owner: str
    password: str


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """The shop, its worker and the stand-in, with three wheels published: as `bin/demo` runs it."""
    data = tmp_path_factory.mktemp("demo")
    demo = Demo.on_free_ports(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_SETTINGS_MODULE", "config.settings")  # and not the tests' own
        try:
            password = demo.prepare()
            demo.start()
            demo.publish()
            yield RunningDemo(demo.url, demo.stripe, data / "mail", demo.mailboxes, OWNER, password)
        finally:
            demo.processes.stop()


@pytest.fixture(scope="module")  # its event loop must not stay about when others use the database
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "Chromium is needed; on Debian: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=QUIET,
            chromium_sandbox=os.getuid() != 0,  # it refuses to run as root with its sandbox
        )
        yield browser
        browser.close()


@pytest.fixture
def person(chromium: Browser, demo: RunningDemo) -> Iterator[Callable[..., Person]]:
    """Makes people; at the end, none of their pages may have caused a complaint."""
    people = []

    def make(*, width: int = 1280, **options: Any) -> Person:
        context = chromium.new_context(
            base_url=demo.url, viewport={"width": width, "height": 900}, **options
        )
        context.set_default_timeout(PATIENCE_MS)
        email = f"buyer{next(_numbers)}@company.example"
        people.append(Person(context.new_page(), email, demo.mail))
        return people[-1]

    yield make
    for one in people:
        one.page.context.close()
    assert [complaint for one in people for complaint in one.complaints] == []
