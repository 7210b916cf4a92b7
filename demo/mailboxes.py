"""The demo's mailboxes: what the shop mailed, to read, and mails to it, to write.

A page of its own beside the shop, `python -m demo.mailboxes`. What is written here goes in where a
mail provider would deliver it, at the shop's webhook with the provider's secret.
"""

from __future__ import annotations

import argparse
import base64
import html
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CUSTOMER = "dev@company.example"
BETWEEN = re.compile(rb"^-{79}\n", re.MULTILINE)  # how Django's file backend parts its mails
MAX_FORM_BYTES = 1_000_000
STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 50rem; margin: 1rem auto; padding: 0 1rem;
  overflow-wrap: anywhere; }
pre { white-space: pre-wrap; border: 1px solid gray; border-radius: .35rem; padding: .6rem; }
label { display: block; }
input, textarea { font: inherit; width: 100%; box-sizing: border-box; }
textarea { font-family: ui-monospace, monospace; }
button { font: inherit; padding: .4rem 1rem; margin: .5rem 0; }
"""


@dataclass(frozen=True)
class Mailboxes:
    """Everybody's mail in one place: it is a demo."""

    folder: Path  # where the shop's file backend puts what it sends
    shop: str
    secret: str  # user:password of the webhook
    support: str

    def all(self) -> list[EmailMessage]:
        """What the shop sent, the oldest first."""
        files = sorted(self.folder.glob("*.log"), key=lambda file: file.stat().st_mtime_ns)
        raw = [one for file in files for one in BETWEEN.split(file.read_bytes()) if one.strip()]
        return [message_from_bytes(one, policy=policy.default) for one in raw]

    def deliver(self, mail: EmailMessage) -> None:
        """Hand a mail to the shop as Postmark does with raw mail switched on."""
        event = {
            "MessageID": str(uuid.uuid4()),
            "OriginalRecipient": parseaddr(str(mail["To"]))[1],
            "Headers": [{"Name": "Return-Path", "Value": f"<{parseaddr(str(mail['From']))[1]}>"}],
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


def written(fields: Mapping[str, str]) -> EmailMessage:
    """The mail of a filled-in form; raises ValueError for headers of more than one line."""
    mail = EmailMessage()
    for name in ("From", "To", "Subject", "In-Reply-To", "References"):
        if fields.get(name):
            mail[name] = fields[name]
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{uuid.uuid4()}@mailboxes.demo>"
    mail.set_content(fields.get("text", "").replace("\r\n", "\n"))
    return mail


def answer_to(mail: EmailMessage) -> dict[str, str]:
    """What a mail program fills in when one presses Answer."""
    own_id = str(mail["Message-ID"] or "")
    subject = re.sub(r"^(Re:\s*)+", "", str(mail["Subject"] or ""))
    quoted = "".join(f"> {line}\n" for line in mail.get_content().splitlines())
    return {
        "From": parseaddr(str(mail["To"]).split(",")[0])[1],
        "To": str(mail["Reply-To"] or mail["From"]),
        "Subject": f"Re: {subject}",
        "In-Reply-To": own_id,
        "References": f"{mail['References'] or ''} {own_id}".strip(),
        "text": f"\n\n{mail['From']} wrote:\n{quoted}",
    }


def page(title: str, body: str) -> bytes:
    text = f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title><style>{STYLE}</style></head>
<body><main><h1>{html.escape(title)}</h1>{body}</main></body></html>"""
    return text.encode()


def form(fields: Mapping[str, str]) -> str:
    """Where a mail is written; *fields* are filled in, and what is not shown goes along."""
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(fields.get(name, ""))}">'
        for name in ("In-Reply-To", "References")
    )
    shown = "".join(
        f'<label for="{name}">{name}</label>'
        f'<input id="{name}" name="{name}" value="{html.escape(fields.get(name, ""))}" required>'
        for name in ("From", "To", "Subject")
    )
    text = html.escape(fields.get("text", ""))
    return (
        f'<form method="post" action="/">{hidden}{shown}<label for="text">Text</label>'
        f'<textarea id="text" name="text" rows="10" required>\n{text}</textarea>'
        "<button>Send the mail</button></form>"
    )


def list_page(mailboxes: Mailboxes, *, was_sent: bool) -> bytes:
    rows = [
        f'<li><a href="/{number}">{html.escape(str(mail["Subject"]))}</a>'
        f" to {html.escape(str(mail['To']))}</li>"
        for number, mail in enumerate(mailboxes.all())
    ]
    sent = "<p role=status>Sent. Read on in a second: the shop's answer comes below.</p>"
    start = {"From": CUSTOMER, "To": mailboxes.support}
    return page(
        "Mailboxes of the demo",
        f"{sent if was_sent else ''}<h2>Write to the shop</h2>{form(start)}"
        f"<h2>What the shop mailed</h2><ul>{''.join(reversed(rows)) or '<li>Nothing yet.'}</ul>",
    )


def mail_page(mail: EmailMessage) -> bytes:
    heads = "\n".join(f"{name}: {mail[name]}" for name in ("From", "To", "Date") if mail[name])
    return page(
        str(mail["Subject"]),
        f'<p><a href="/">All mails</a></p><pre>{html.escape(heads)}</pre>'
        f"<pre>{html.escape(mail.get_content())}</pre><h2>Answer it</h2>{form(answer_to(mail))}",
    )


class Handler(BaseHTTPRequestHandler):
    mailboxes: Mailboxes  # set by `serve`

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        mails = self.mailboxes.all()
        if path == "/":
            self._answer(200, list_page(self.mailboxes, was_sent=query == "sent"))
        elif re.fullmatch(r"/\d{1,9}", path) and int(path[1:]) < len(mails):
            self._answer(200, mail_page(mails[int(path[1:])]))
        else:
            self._answer(404, page("There is no such mail", '<p><a href="/">All mails</a></p>'))

    def do_POST(self) -> None:
        length = min(int(self.headers.get("Content-Length") or 0), MAX_FORM_BYTES)
        fields = dict(urllib.parse.parse_qsl(self.rfile.read(length).decode("utf-8", "replace")))
        try:
            self.mailboxes.deliver(written(fields))
        except (ValueError, OSError) as error:  # HTTPError is an OSError
            self._answer(422, page("Not sent", f"<p>{html.escape(str(error))}</p>"))
            return
        self.send_response(303)
        self.send_header("Location", "/?sent")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(port: int, mailboxes: Mailboxes) -> None:
    """Answer on the loopback interface until the process is stopped."""
    handler = type("BoundHandler", (Handler,), {"mailboxes": mailboxes})
    ThreadingHTTPServer(("127.0.0.1", port), handler).serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description="Read and write the demo's mail.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="what the shop sends lies here")
    parser.add_argument("--shop", required=True, help="where the shop is, http://localhost:8000")
    options = parser.parse_args()
    serve(
        options.port,
        Mailboxes(
            folder=options.folder,
            shop=options.shop,
            secret=os.environ["ANYMAIL_WEBHOOK_SECRET"],
            support=os.environ["SUPPORT_EMAIL"],
        ),
    )


if __name__ == "__main__":
    main()
