"""Customers and their contacts."""

from django.contrib.auth.hashers import make_password
from django.db import transaction

from licenses.models import Contact, Customer, User, normalize_email


@transaction.atomic
def add_customer(*, name: str = "", email: str = "") -> Customer:
    """A new customer, with *email* as its owning contact who may sign in by a mailed code.

    Always a new customer: an address proves nothing until somebody signed in with it, and then
    he sees every customer that he is a contact of.
    """
    customer = Customer.objects.create(name=name[:200])
    if email:
        add_contact(customer.pk, email=email, role=Contact.Role.OWNER)
    return customer


@transaction.atomic
def add_contact(customer_id: int, *, email: str, role: Contact.Role) -> Contact:
    """A person of the customer; told twice, the first role stands."""
    address = normalize_email(email)
    user, _ = User.objects.get_or_create(email=address, defaults={"password": make_password(None)})
    contact, _ = Contact.objects.get_or_create(
        customer_id=customer_id, email=address, defaults={"user": user, "role": role}
    )
    return contact


def addresses_of(customer_id: int) -> list[str]:
    """Where mail about the customer's licenses goes: owners first, then everybody else."""
    contacts = Contact.objects.filter(customer_id=customer_id)
    owners = [contact.email for contact in contacts if contact.role == Contact.Role.OWNER]
    return owners or [contact.email for contact in contacts]
