"""How long from "paid" to a key that works, and to the mail: `python -m bench.paid_to_key [N]`.

Runs the demo on free ports. One half of the buyers opens the welcome page, which does not wait for
the webhook; the other half never comes back, so that webhook and worker alone do it.
"""

from __future__ import annotations

import base64
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from demo.buyer import CARD, Browser, Page
from demo.run import Demo


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo.on_free_ports(Path(folder))
        try:
            demo.prepare()
            demo.start()
            demo.publish()
            report(
                "paid to a key that opens the index", [key_seconds(demo, n) for n in range(number)]
            )
            report(
                "paid to the mail, by webhook alone", [mail_seconds(demo, n) for n in range(number)]
            )
        finally:
            demo.processes.stop()


def report(what: str, seconds: list[float]) -> None:
    least, middle, most = min(seconds), statistics.median(seconds), max(seconds)
    print(
        f"{what}: {least:.2f} / {middle:.2f} / {most:.2f} s (min / median / max of {len(seconds)})"
    )


def key_seconds(demo: Demo, number: int) -> float:
    browser, paying, fields = at_the_till(demo, f"key{number}@company.example")
    started = time.monotonic()
    welcome = browser.post(paying.url, fields, referer=paying.url)
    while not welcome.copied("key"):
        welcome = browser.get(welcome.url)
    while status_of_index(demo, welcome.copied("key")) != 200:
        time.sleep(0.02)
    return time.monotonic() - started


def mail_seconds(demo: Demo, number: int) -> float:
    address = f"mail{number}@company.example"
    _, paying, fields = at_the_till(demo, address)
    lost = Browser(follows=False)  # the buyer closes the tab as soon as he has paid
    started = time.monotonic()
    lost.post(paying.url, fields, referer=paying.url)
    while not any(address in file.read_text() for file in (demo.data / "mail").glob("*.log")):
        time.sleep(0.02)
    return time.monotonic() - started


def at_the_till(demo: Demo, address: str) -> tuple[Browser, Page, dict[str, str]]:
    """A browser on Stripe's page, and the form filled in."""
    browser = Browser()
    pricing = browser.get(f"{demo.url}/pricing/")
    paying = browser.post(
        f"{demo.url}/checkout/", pricing.fields("pro_monthly"), referer=pricing.url
    )
    card = {"card_number": CARD, "exp": "12/40", "cvc": "123", "name": "Dev", "email": address}
    return browser, paying, {**paying.fields("card_number"), **card}


def status_of_index(demo: Demo, key: str) -> int:
    request = urllib.request.Request(f"{demo.url}/simple/hare-pro/")
    basic = base64.b64encode(f"__token__:{key}".encode()).decode()
    request.add_header("Authorization", f"Basic {basic}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


if __name__ == "__main__":
    main()
