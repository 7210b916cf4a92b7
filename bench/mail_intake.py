"""A thousand mails while `work` is stopped, and how long it takes to make up for it.

`python -m bench.mail_intake [N]` runs the shop under gunicorn on one core, posts N mails of as many
colleagues to the provider's webhook, each twice, counts what was kept, then lets `work` run.
"""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from demo.mailboxes import written
from demo.run import SUPPORT, Demo

SENDERS = 8  # at a time
CUSTOMER = ("--email", "boss@customer.example", "--name", "Customer", "--tier", "hare/pro")


def make_mail(number: int) -> EmailMessage:
    words = {"Subject": f"Question {number}", "text": "It hangs.\n" * 40, "To": SUPPORT}
    return written({**words, "From": f"dev{number}@customer.example"})


def count(demo: Demo, sql: str) -> int:
    file = demo.data / "wheelbarrow.sqlite3"
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        found: int = database.execute(sql).fetchone()[0]
        return found


@dataclass(frozen=True)
class Provider:
    """Delivers as Postmark does with raw mail switched on."""

    shop: str
    secret: str  # user:password of the webhook

    def deliver(self, mail: EmailMessage) -> None:
        event = {
            "MessageID": str(mail["Message-ID"]),
            "OriginalRecipient": SUPPORT,
            "Headers": [{"Name": "Return-Path", "Value": f"<{mail['From']}>"}],
            "RawEmail": bytes(mail).decode("utf-8", "surrogateescape"),
        }
        token = base64.b64encode(self.secret.encode()).decode()
        request = urllib.request.Request(
            f"{self.shop}/anymail/postmark/inbound/",
            json.dumps(event).encode(),
            {"Content-Type": "application/json", "Authorization": f"Basic {token}"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30):
            pass


def main() -> int:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    os.sched_setaffinity(0, {0})  # this process's and all that it starts
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo.on_free_ports(Path(folder))
        provider = Provider(demo.url, "mail:bench")
        demo.processes.environment = {
            **demo.processes.environment,
            "INBOUND_PROVIDERS": "postmark", "ANYMAIL_WEBHOOK_SECRET": provider.secret,
            "SMTP_URL": "",  # what leaves goes into files
        }  # fmt: skip
        try:
            demo.prepare()
            demo.processes.run("manage.py", "issue_license", *CUSTOMER)
            gunicorn = ("-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi")
            demo.processes.start("shop", *gunicorn)
            demo.processes.wait_for("shop", f"{demo.url}/healthz")
            mails = [make_mail(one) for one in range(number)]
            seconds = post(provider, mails)
            kept = count(demo, "SELECT count(*) FROM support_inboundmail")
            print(f"{2 * number} deliveries in {seconds:.1f} s: {kept} of {number} mails kept,"
                  f" {number / seconds * 60:.0f} mails a minute")  # fmt: skip
            seconds = work_off(demo)
            tickets = count(demo, "SELECT count(*) FROM support_ticket")
            left = count(demo, "SELECT count(*) FROM support_inboundmail WHERE outcome='waiting'")
            each = f"{number / seconds * 60:.0f} a minute"
            print(f"{tickets} tickets in {seconds:.1f} s, {each}; {left} mails left")
        finally:
            demo.processes.stop()
    return 0 if (kept, tickets, left) == (number, number, 0) else 1


def post(provider: Provider, mails: list[EmailMessage]) -> float:
    """Each mail twice, as a provider does that heard no answer; the seconds it took."""
    started = time.monotonic()
    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(provider.deliver, mails))
        list(pool.map(provider.deliver, mails))
    return time.monotonic() - started


def work_off(demo: Demo) -> float:
    started = time.monotonic()
    while count(demo, "SELECT count(*) FROM support_inboundmail WHERE outcome='waiting'"):
        demo.processes.run("manage.py", "work", "--once")
    return time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main())
