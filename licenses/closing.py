"""A customer goes for good: his keys end, his people are forgotten, the books stay."""

from datetime import datetime

from django.db import transaction

from licenses.credentials import revoke_credential
from licenses.models import Contact, Customer, User
from outbox.mail import queue_mail


@transaction.atomic
def close_customer(customer_id: int, *, at: datetime) -> bool:
    """Revoke every key, tell the people, and forget them; False when it was closed before.

    Licenses and payments stay, for the books. A person without another customer is deleted,
    unless he is staff.
    """
    customer = Customer.objects.select_for_update().get(pk=customer_id)
    if customer.closed_at is not None:
        return False
    Customer.objects.filter(pk=customer_id).update(closed_at=at)
    for pk in customer.credentials.filter(revoked_at=None).values_list("pk", flat=True):
        revoke_credential(pk, at=at, reason="account closed")
    people = list(Contact.objects.filter(customer=customer))
    queue_mail(
        f"closed:{customer_id}",
        template="licenses/closed",
        to=[contact.email for contact in people],
        context={"customer": customer},
    )
    Contact.objects.filter(customer=customer).delete()
    users = [contact.user_id for contact in people if contact.user_id is not None]
    elsewhere = Contact.objects.filter(user_id__in=users).values("user_id")
    User.objects.filter(pk__in=users, is_staff=False).exclude(pk__in=elsewhere).delete()
    return True
