"""What a person does at a browser, in the words of the pages."""

import re
import time
from dataclasses import dataclass, field
from email import message_from_string, policy
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Page, Response

CARD = "4242 4242 4242 4242"
CARD_OF_A_CAREFUL_BANK = "4000 0025 0000 3155"  # asks for 3-D Secure
MAIL_SECONDS = 15
CODE = re.compile(r"^[A-Z0-9]{4}-[A-Z0-9]{4}$", re.MULTILINE)


@dataclass
class Person:
    page: Page
    email: str
    mail_folder: Path
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Chromium reports what the Content-Security-Policy stopped on the console, as an error.
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        self.page.on("response", self._check)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.location["url"].endswith("/favicon.ico"):
            return  # Chromium's own idea, on the stand-in's page
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{self.page.url}: {message.text}")

    def _check(self, response: Response) -> None:
        if response.status >= 400 and not response.url.endswith("/favicon.ico"):
            self.complaints.append(f"{response.url} answered {response.status}")

    # -- buying -------------------------------------------------------------------------------
    def press_buy(self, button: str = "Buy Pro per month") -> None:
        self.page.goto("/pricing/")
        self.page.get_by_role("button", name=button).click()
        self.page.wait_for_url("**/c/pay/**")

    def pay(self, card: str = CARD) -> None:
        """Fill in Stripe's page and send it."""
        self.page.get_by_label("Card number").wait_for()
        email = self.page.get_by_label("Email")
        if email.count():  # Stripe knows that of a customer who came back
            email.fill(self.email)
        self.page.get_by_label("Name on card").fill("Dev Eloper")
        self.page.get_by_label("Card number").fill(card)
        self.page.get_by_label("Expires").fill("12/40")
        self.page.get_by_label("CVC").fill("123")
        self.page.get_by_role("button", name="Subscribe").click()

    def wait_for_welcome(self) -> None:
        self.page.wait_for_url("**/welcome/**")
        self.page.get_by_role("heading", name="is yours").wait_for()

    def shown_key(self) -> str:
        return self.page.get_by_role("region", name="Your key").inner_text().strip()

    # -- signing in ---------------------------------------------------------------------------
    def ask_for_code(self) -> None:
        self.page.goto("/account/login/code/")
        self.page.get_by_label("Email").fill(self.email)
        self.page.get_by_role("button", name="Send me a code").click()

    def enter_code(self) -> None:
        self.try_code(self.mailed_code())
        self.page.wait_for_url("**/account/")

    def try_code(self, code: str) -> None:
        self.page.get_by_label("Code").fill(code)
        self.page.get_by_role("button", name="Sign in").click()

    def mailed_code(self) -> str:
        return self.mailed(CODE)

    def mailed(self, what: re.Pattern[str]) -> str:
        """The newest of this form in this person's mail; waits for it."""
        deadline = time.monotonic() + MAIL_SECONDS
        while time.monotonic() < deadline:
            found = [one for mail in self._mails() for one in what.findall(mail)]
            if found:
                newest: str = found[-1]
                return newest
            time.sleep(0.1)
        raise AssertionError(f"nothing like {what.pattern} was mailed to {self.email}")

    def _mails(self) -> list[str]:
        """The texts of all mails to this person, the oldest first."""
        files = sorted(self.mail_folder.glob("*.log"), key=lambda file: file.stat().st_mtime)
        mails = [
            message_from_string(text.strip(), policy=policy.default)
            for file in files
            for text in re.split(r"^-{79}$", file.read_text(), flags=re.MULTILINE)
        ]
        return [mail.get_content() for mail in mails if mail["To"] == self.email]
