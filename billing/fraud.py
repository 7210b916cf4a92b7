"""Early fraud warnings: a bank expects a dispute. A refund before it comes saves the dispute's fee.

Told by the events alone, in any order: a warning is actionable until the payment was refunded or
disputed, and never again (docs.stripe.com/api/radar/early_fraud_warnings/object).
"""

import json
from datetime import datetime

from django.db.models import QuerySet

from billing.models import StripeEvent

EVENT = "radar.early_fraud_warning."


def was_warned_of(payment_id: str, *, by: datetime | None = None) -> bool:
    """Whether Stripe ever warned of this payment intent, or had by a moment."""
    heard = _events(payment_id)
    return (heard if by is None else heard.filter(received_at__lte=by)).exists()


def is_warned_of(payment_id: str) -> bool:
    """Whether it did, and there is still something to do."""
    told = _told(payment_id)
    return bool(told) and all(told)


def _told(payment_id: str) -> list[bool]:
    payloads = _events(payment_id).values_list("payload", flat=True)
    return [bool(json.loads(text)["data"]["object"].get("actionable")) for text in payloads]


def _events(payment_id: str) -> QuerySet[StripeEvent]:
    return StripeEvent.objects.filter(about__stripe_id=payment_id, type__startswith=EVENT)
