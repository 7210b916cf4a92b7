"""A question by mail, the owner's answer from his desk, and the customer's reply to it."""

from __future__ import annotations

import re
import time

from demo.buyer import EMAIL, Browser, Page, Step
from demo.processes import DemoFailed

SUBJECT = "It hangs with 200 threads"
ANSWER = "Please set threads=100; version 2.1 looks after that itself."
THANKS = "That was it, thank you!"
WAIT_SECONDS = 30


def go_the_askers_way(shop: str, mailboxes: str, login: tuple[str, str], step: Step) -> None:
    """One ticket, one answer and one reply; raises DemoFailed. *login* is the owner's."""
    customer, owner = Browser(), Browser()
    started = time.monotonic()
    with step("Writing to support"):
        _send(customer, customer.get(f"{mailboxes}/"), {"Subject": SUBJECT, "text": "Why?"})
    with step("Reading that it arrived"):
        _wait_for_mail(customer, mailboxes, f"Re: {SUBJECT}", "it is ticket #")
    with step("Answering from the desk"):
        ticket = _open_ticket(owner, shop, login)
        fields = {**ticket.fields("deed"), "body": ANSWER, "deed": "wait"}
        owner.post(f"{ticket.url}answer/", fields, referer=ticket.url)
    with step("Reading the answer"):
        mail = _wait_for_mail(customer, mailboxes, f"Re: {SUBJECT}", ANSWER)
    took = time.monotonic() - started
    with step("Replying to it"):
        _send(customer, mail, {"text": THANKS})
        _wait_for(owner, ticket.url, THANKS)
    print(f"question to answer: {took:.1f} s")


def _send(browser: Browser, page: Page, words: dict[str, str]) -> None:
    fields = {**page.fields("In-Reply-To"), **words, "From": EMAIL}
    browser.post(re.sub(r"(//[^/]+/).*", r"\1", page.url), fields, referer=page.url)


def _wait_for_mail(browser: Browser, mailboxes: str, subject: str, text: str) -> Page:
    """The newest mail to the customer of this subject, once it says *text*."""
    deadline = time.monotonic() + WAIT_SECONDS
    link = re.compile(rf'<a href="(/\d+)">{re.escape(subject)}</a> to {re.escape(EMAIL)}')
    while time.monotonic() < deadline:
        found = link.search(browser.get(f"{mailboxes}/").text)
        mail = browser.get(f"{mailboxes}{found[1]}") if found else None
        if mail is not None and text in mail.text:
            return mail
        time.sleep(0.2)
    raise DemoFailed(f"no mail {subject!r} that says {text!r} came to {EMAIL}")


def _open_ticket(owner: Browser, shop: str, login: tuple[str, str]) -> Page:
    page = owner.get(f"{shop}/owner/tickets/")  # leads to the sign-in, and from there back
    address, password = login
    fields = {**page.fields("password"), "login": address, "password": password}
    desk = owner.post(page.url, fields, referer=page.url)
    found = re.search(r'href="(/owner/tickets/\d+/)">#\d+ ' + re.escape(SUBJECT), desk.text)
    if not found:
        raise DemoFailed(f"the desk at {desk.url} shows no ticket {SUBJECT!r}:\n{desk.text[:2000]}")
    return owner.get(f"{shop}{found[1]}")


def _wait_for(browser: Browser, url: str, text: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while text not in browser.get(url).text:
        if time.monotonic() > deadline:
            raise DemoFailed(f"{url} does not show {text!r}")
        time.sleep(0.2)
