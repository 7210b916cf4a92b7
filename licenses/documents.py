"""Signed license documents: what a customer's installation verifies offline.

A document is a PASETO v4.public token in one line, or the same in armour. Its footer carries the
certificate of the key that signed it, made by the root key whose public half is in the wheels.
"""

import textwrap
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from licenses.models import License, SigningKey
from licenses.root_key import NoRootKey, key_id, public_key, public_key_text
from licenses.signing_keys import moment, signer_for

__all__ = ["NoRootKey", "armour", "key_id", "public_key", "public_key_text", "sign_document"]

# Signed along but not in the token: a signature made for anything else is never a license.
PURPOSE = b"wheelbarrow-license-v1"
VERSION = 1
REFRESH = timedelta(days=35)  # beyond the paid time, until a client should have fetched a newer one
CLOCKS = timedelta(days=1)  # that customers' clocks may be wrong by
GRACE = timedelta(days=30)  # how long a client runs as wanted without hearing from us

BEGIN = "-----BEGIN WHEELBARROW LICENSE-----"
END = "-----END WHEELBARROW LICENSE-----"


def sign_document(license: License, *, at: datetime) -> str:
    """The license as a document of one line. It holds no secret, but it cannot be called back.

    Whoever hands it out asks first whether the holder may have one. Raises NoRootKey.
    """
    signer = signer_for(SigningKey.Use.LICENSE, at)
    return signer.sign(_claims(license, at), purpose=PURPOSE)


def armour(document: str) -> str:
    """The same in lines of 64 characters, between two lines that say what it is."""
    return "\n".join([BEGIN, *textwrap.wrap(document, 64, break_on_hyphens=False), END, ""])


def _claims(license: License, at: datetime) -> dict[str, Any]:
    tier, is_evaluation = license.tier, license.kind == License.Kind.EVALUATION
    return {
        "v": VERSION,
        "lid": str(license.pk),
        "rev": license.rev,
        "cus": str(license.customer_id),
        "org": str(license.customer),
        "plan": tier.slug,
        "product": tier.product.slug,
        "products": [tier.product.slug],
        "limits": {"threads": license.threads},
        "features": list(tier.features),
        "iat": moment(at),
        "nbf": moment(at),
        "paid_through": moment(license.paid_through),
        "updates_until": moment(license.updates_until),
        "exp": moment(_refresh_by(license)),
        "fallback": "none" if is_evaluation else "perpetual",
        "mode": "site" if license.threads is None else "pool",
        "grace_s": int(GRACE.total_seconds()),
        "hosts": [settings.BASE_URL],
        "support": f"{settings.BASE_URL}/account/",
    }


def _refresh_by(license: License) -> datetime:
    """Not a stop: what was released by then runs. An ended license covers what it paid for.

    But an evaluation stops: it paid for nothing.
    """
    if license.kind == License.Kind.EVALUATION:
        return license.paid_through + CLOCKS
    if license.is_active:
        return license.paid_through + REFRESH
    return license.updates_until
