"""Money that came after the end: a retry succeeded once the subscription was canceled.

Nothing is served for it any more, so it goes back by itself.
"""

import logging
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from billing.dirty import mark_dirty
from billing.models import DirtyObject, LateRefund, Payment
from billing.notices import tell_owner
from billing.refunding import give_back
from outbox.claims import Claim, for_a_while

log = logging.getLogger(__name__)


def refund_late_payments(at: datetime) -> int:
    """Give back what is due to be; returns how many went."""
    due = LateRefund.objects.due(at).order_by("due_at").values_list("pk", flat=True)[:20]
    return sum(_refund(pk, at) for pk in for_a_while(due))


def _refund(pk: int, at: datetime) -> bool:
    claim = LateRefund.objects.claim(pk, at)
    if claim is None:
        return False
    payment = (
        LateRefund.objects.select_related("payment__subscription__customer").get(pk=pk).payment
    )
    try:
        is_given = give_back(
            payment.stripe_id,
            invoice_id=payment.invoice_id,
            idempotency_key=f"late-{payment.stripe_id}-{claim.fence}",
            metadata={"cause": "paid after the end"},
        )
    except Exception as error:
        log.exception("late payment %s not given back", payment.stripe_id)
        claim.fail(error, timezone.now())
        return False
    _finish(claim, payment, is_given=is_given)
    return True


@transaction.atomic
def _finish(claim: Claim, payment: Payment, *, is_given: bool) -> None:
    if not claim.update(due_at=None, last_error=""):
        return
    at = timezone.now()
    mark_dirty(DirtyObject.Kind.PAYMENT, payment.stripe_id, at=at)
    tell_owner(
        f"late-payment:{payment.stripe_id}",
        f"{payment.amount} of {payment.subscription.customer} came after his subscription "
        f"{payment.subscription.stripe_id} had ended, and "
        + ("went back." if is_given else "is disputed: the bank decides about it."),
        at=at,
    )
