"""A customer's people: who is one, in which role, and whose the account is.

Ownership goes to a person who was offered it and took it; both sides are told of each step.
"""

from datetime import datetime

from django.db import transaction

from licenses.models import Contact, Customer
from licenses.people import add_contact, addresses_of
from outbox.mail import queue_mail

MAX_CONTACTS = 20
Role = Contact.Role


class LastOwner(Exception):
    """Somebody must own the account; offer it to another person first."""


class TooManyContacts(Exception):
    """The customer has 20 people, the most there can be."""


class NoOffer(Exception):
    """The account was not offered to this person, or not any more."""


@transaction.atomic
def invite_contact(customer_id: int, *, email: str, role: Role, by: str) -> Contact:
    """Add a person and write to him; told twice, he hears of it once.

    Never as the owner: that is offered and taken. Raises TooManyContacts.
    """
    customer = _lock(customer_id)
    if customer.contacts.count() >= MAX_CONTACTS:
        raise TooManyContacts(f"customer {customer_id} has {MAX_CONTACTS} contacts")
    contact = add_contact(
        customer_id, email=email, role=role if role != Role.OWNER else Role.BILLING
    )
    queue_mail(
        f"contact:{contact.pk}",
        template="licenses/contact_added",
        to=[contact.email],
        context={"customer": customer, "role": contact.role, "by": by},
    )
    return contact


@transaction.atomic
def change_role(contact_id: int, role: Role) -> None:
    """Billing or technical; raises LastOwner for the only owner."""
    contact = _locked_contact(contact_id)
    if role == Role.OWNER:
        raise ValueError("ownership is offered and taken")
    _keep_an_owner(contact)
    Contact.objects.filter(pk=contact_id).update(role=role)


@transaction.atomic
def remove_contact(contact_id: int) -> None:
    """He signs in to this customer no more; raises LastOwner for the only owner. Repeatable."""
    if not Contact.objects.filter(pk=contact_id).exists():
        return
    contact = _locked_contact(contact_id)
    _keep_an_owner(contact)
    contact.delete()


@transaction.atomic
def offer_ownership(contact_id: int, *, by: str, at: datetime) -> None:
    """Offer the account to one of its people; only the newest offer stands. Told twice, once."""
    contact = _locked_contact(contact_id)
    if contact.role == Role.OWNER or contact.offered_at is not None:
        return
    Contact.objects.filter(customer_id=contact.customer_id).update(offered_at=None)
    Contact.objects.filter(pk=contact_id).update(offered_at=at)
    _tell(contact, "licenses/ownership_offered", [contact.email], at, by=by)
    _tell(contact, "licenses/ownership_told", addresses_of(contact.customer_id), at, by=by)


@transaction.atomic
def withdraw_offer(contact_id: int) -> None:
    """Take the offer back, or decline it."""
    Contact.objects.filter(pk=contact_id).update(offered_at=None)


@transaction.atomic
def accept_ownership(contact_id: int, *, at: datetime) -> None:
    """The account is his; who owned it before stays as a technical contact. Raises NoOffer."""
    contact = _locked_contact(contact_id)
    if contact.offered_at is None:
        raise NoOffer(f"contact {contact_id} was offered nothing")
    before = addresses_of(contact.customer_id)
    people = Contact.objects.filter(customer_id=contact.customer_id)
    people.filter(role=Role.OWNER).update(role=Role.TECHNICAL)
    people.filter(pk=contact_id).update(role=Role.OWNER, offered_at=None)
    _tell(contact, "licenses/ownership_taken", [contact.email], at, by="")
    for number, email in enumerate(before):
        _tell(contact, "licenses/ownership_given", [email], at, by=str(number))


def _keep_an_owner(contact: Contact) -> None:
    others = Contact.objects.filter(customer_id=contact.customer_id, role=Role.OWNER)
    if contact.role == Role.OWNER and not others.exclude(pk=contact.pk).exists():
        raise LastOwner(f"contact {contact.pk} is the only owner")


def _lock(customer_id: int) -> Customer:
    """Whoever changes the people of a customer waits for whoever does."""
    return Customer.objects.select_for_update().get(pk=customer_id)


def _locked_contact(contact_id: int) -> Contact:
    _lock(Contact.objects.values_list("customer_id", flat=True).get(pk=contact_id))
    return Contact.objects.select_related("customer").get(pk=contact_id)


def _tell(contact: Contact, template: str, to: list[str], at: datetime, *, by: str) -> None:
    queue_mail(
        f"{template.rpartition('/')[2]}:{contact.pk}:{at.timestamp():.0f}:{by}"[:200],
        template=template,
        to=to,
        context={"customer": contact.customer, "contact": contact, "by": by},
    )
