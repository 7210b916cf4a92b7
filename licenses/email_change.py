"""A person signs in with another address from now on; the old address may undo it for 72 hours."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.signing import BadSignature, Signer
from django.db import transaction

from licenses.models import Contact, EmailChange, User, normalize_email
from outbox.mail import queue_mail

UNDO = timedelta(hours=72)
_signer = Signer(salt="licenses.email_change")


class AddressTaken(Exception):
    """Somebody else signs in with the address; sign in with it instead."""


class TooLate(Exception):
    """The change was undone before, or its 72 hours are over."""


@transaction.atomic
def change_email(user_id: int, *, new: str, at: datetime) -> EmailChange | None:
    """Give the user the address that he has proven; None if it is his already.

    All his contacts get it too. The old address is told, with a link that takes it back.
    """
    user = User.objects.select_for_update().get(pk=user_id)
    new = normalize_email(new)
    if user.email == new:
        return None
    _refuse_if_taken(user, new)
    change = EmailChange.objects.create(user=user, old=user.email, new=new, at=at)
    _move(user, new)
    token = _signer.sign(str(change.pk))
    queue_mail(
        f"email-change:{change.pk}:old",
        template="licenses/email_changed",
        to=[change.old],
        context={
            "change": change,
            "until": at + UNDO,
            "undo_url": f"{settings.BASE_URL}/account/address/undo/{token}/",
        },
    )
    queue_mail(
        f"email-change:{change.pk}:new",
        template="licenses/email_is_yours",
        to=[new],
        context={"change": change},
    )
    return change


def find_change(token: str, at: datetime) -> EmailChange:
    """The change that the link of the mail is about. Raises TooLate, also for a forged link."""
    try:
        pk = int(_signer.unsign(token))
    except (BadSignature, ValueError) as error:
        raise TooLate("no such link") from error
    change = EmailChange.objects.select_related("user").filter(pk=pk, undone_at=None).first()
    if change is None or at >= change.at + UNDO:
        raise TooLate("undone before, or too old")
    return change


@transaction.atomic
def undo_email_change(change_id: int, *, at: datetime) -> User:
    """The old address again, whatever came after, and everybody is signed out. Raises TooLate.

    A thief who moved on to a third address loses that one too: later changes are undone with it.
    """
    change = EmailChange.objects.get(pk=change_id)
    user = User.objects.select_for_update().get(pk=change.user_id)
    undone = EmailChange.objects.filter(user=user, pk__gte=change.pk, undone_at=None)
    if not undone.filter(pk=change.pk).exists():
        raise TooLate("undone before")
    _refuse_if_taken(user, change.old)
    undone.update(undone_at=at)
    _move(user, change.old)
    User.objects.filter(pk=user.pk).update(password=make_password(None))  # ends every session
    user.refresh_from_db()
    return user


def _refuse_if_taken(user: User, email: str) -> None:
    others = User.objects.filter(email=email).exclude(pk=user.pk)
    mine = Contact.objects.filter(user=user).values("customer_id")
    beside = Contact.objects.filter(customer_id__in=mine, email=email).exclude(user=user)
    if others.exists() or beside.exists():
        raise AddressTaken(f"{email} is somebody else's")


def _move(user: User, email: str) -> None:
    User.objects.filter(pk=user.pk).update(email=email)
    Contact.objects.filter(user=user).update(email=email)
