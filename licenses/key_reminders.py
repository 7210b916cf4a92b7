"""A key that ends soon and is still in use: its holder hears of it before his builds do."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from licenses.models import Credential
from licenses.people import addresses_of
from outbox.mail import queue_mail

SOON = timedelta(days=2)  # for a rotated key, whose end was chosen a few days before
AHEAD = timedelta(days=14)  # for a day that somebody set perhaps a year ago
IN_USE = timedelta(days=30)


def remind_of_ends(at: datetime) -> int:
    """Queue a mail for each key that ends soon and is used; one for each end. Safe to repeat."""
    rotated = Q(
        rotated_at__isnull=False, last_used_at__gt=F("rotated_at"), expires_at__lte=at + SOON
    )
    dated = Q(rotated_at__isnull=True, last_used_at__gt=at - IN_USE, expires_at__lte=at + AHEAD)
    ending = Credential.objects.usable(at).filter(rotated | dated).order_by("pk")
    return sum(_remind(one) for one in ending.select_related("successor", "license__tier"))


@transaction.atomic
def _remind(credential: Credential) -> bool:
    addresses = addresses_of(credential.customer_id)
    if not addresses or credential.expires_at is None:
        return False
    mail = queue_mail(
        f"key-ends:{credential.pk}:{credential.expires_at:%Y%m%dT%H%M}",
        template="licenses/key_ends",
        to=addresses,
        context={"credential": credential},
    )
    return mail.was_queued_now
