"""Stripe's signature scheme (docs.stripe.com/webhooks/signatures)."""

import hashlib
import hmac
import time


def signature_header(body: str, secret: str, signed_at: int | None = None) -> str:
    """`t=...,v1=...`; *signed_at* is real time, which the receiver compares with his own clock."""
    moment = int(time.time()) if signed_at is None else signed_at
    signed = f"{moment}.{body}".encode(errors="surrogateescape")
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"
