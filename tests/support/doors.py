"""The mail providers' deliveries, as they come to our webhooks."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from django.test import Client

INBOUND = "/anymail/postmark/inbound/"
BOUNDARY = "of-a-form-and-of-no-mail"
MAILGUN = "/anymail/mailgun/inbound_mime/"  # where Mailgun hands over the mail as it came
KEY = "mailgun-signing-key"


def open_doors(settings: Any) -> None:
    settings.INBOUND_PROVIDERS = ["postmark", "mailgun", "brevo"]
    settings.ANYMAIL = {
        "WEBHOOK_SECRET": "hook:old, hook:secret",
        "MAILGUN_WEBHOOK_SIGNING_KEY": KEY,
        "BREVO_API_KEY": "brevo-key",
    }


def basic(secret: str = "hook:secret") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(secret.encode()).decode()}


def post(path: str, body: bytes | str, content_type: str = "application/json", **headers: str):
    return Client().post(path, body, content_type=content_type, headers=headers or basic())


def postmark(raw: bytes, event_id: str = "e1") -> str:
    return json.dumps(
        {
            "FromFull": {"Email": "dev@company.example"},
            "MessageID": event_id,
            "OriginalRecipient": "support@testserver",
            "Headers": [{"Name": "Return-Path", "Value": "<dev@company.example>"},
                        {"Name": "X-Spam-Score", "Value": "0.5"}],
            "RawEmail": raw.decode("utf-8", "surrogateescape"),
        }
    )  # fmt: skip


def mailgun(raw: bytes, *, token: str = "t" * 50, stamp: int | None = None, key: str = KEY):
    stamp = int(time.time()) if stamp is None else stamp
    signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    fields = {"timestamp": str(stamp), "token": token, "signature": signature,
              "recipient": "support@testserver", "sender": "dev@company.example"}  # fmt: skip
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="body-mime"\r\n\r\n'
    body = b"".join([*parts, head.encode(), raw, f"\r\n--{BOUNDARY}--\r\n".encode()])
    return post(MAILGUN, body, f"multipart/form-data; boundary={BOUNDARY}")
