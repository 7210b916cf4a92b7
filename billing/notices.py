"""Tell the owner what he should know, once per fact; most days there is nothing."""

from datetime import datetime

from django.conf import settings

from billing.models import OwnerNotice
from outbox.mail import queue_mail


def tell_owner(key: str, text: str, *, at: datetime, needs_him: bool = False) -> None:
    """Write the notice and its mail in the caller's transaction; told twice, told once."""
    _, is_new = OwnerNotice.objects.get_or_create(
        key=key, defaults={"text": text, "needs_him": needs_him, "created_at": at}
    )
    if is_new and settings.OWNER_EMAIL:
        queue_mail(
            f"owner:{key}",
            template="billing/owner_notice",
            to=[settings.OWNER_EMAIL],
            context={"text": text, "needs_him": needs_him},
        )


def close_notice(key: str, *, at: datetime) -> None:
    """It no longer needs him."""
    OwnerNotice.objects.filter(key=key, closed_at__isnull=True).update(closed_at=at)
