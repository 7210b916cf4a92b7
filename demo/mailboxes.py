"""The demo's mailboxes: what the shop mailed, to read, and mails to it, to write.

A page of its own beside the shop, `python -m demo.mailboxes`, and the mail server behind it
(`demo.post_office`): any mail program may be pointed at that one instead.
"""

from __future__ import annotations

import argparse
import html
import os
import re
import smtplib
import urllib.parse
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from demo.post_office import PostOffice, receive_mail, smtp_server

CUSTOMER = "dev@company.example"
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

    folder: Path  # where the mail server keeps what is not for the shop
    smtp_port: int
    support: str

    def all(self) -> list[EmailMessage]:
        """What the shop sent, the oldest first."""
        files = sorted(self.folder.glob("*.log"), key=lambda file: file.stat().st_mtime_ns)
        return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]

    def deliver(self, mail: EmailMessage) -> None:
        """Send it as a mail program does; raises OSError when it is not taken."""
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=60) as server:
            server.send_message(mail)


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
        except (ValueError, OSError) as error:  # smtplib's errors are OSErrors
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
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="where mail is kept")
    options = parser.parse_args()
    support = os.environ["SUPPORT_EMAIL"]
    office = PostOffice(support=support, folder=options.folder, pipe=receive_mail)
    server = smtp_server(options.smtp_port, office)
    Thread(target=server.serve_forever, daemon=True).start()
    serve(options.port, Mailboxes(options.folder, options.smtp_port, support))


if __name__ == "__main__":
    main()
