"""Whose pages a visitor may see."""

from typing import cast

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from licenses.models import Contact, Customer, User


def customers_of(request: HttpRequest) -> QuerySet[Customer]:
    """The customers that the signed-in visitor is a contact of."""
    return Customer.objects.of_user(visitor_of(request))


def customer_of(request: HttpRequest, customer_id: int) -> Customer:
    """One of them, or 404."""
    return get_object_or_404(customers_of(request), pk=customer_id)


def owned_customer(request: HttpRequest, customer_id: int) -> Customer:
    """One that the visitor is an owner of; 403 for its other people, 404 for everybody else."""
    customer = customer_of(request, customer_id)
    if not is_owner(request, customer):
        raise PermissionDenied
    return customer


def is_owner(request: HttpRequest, customer: Customer) -> bool:
    mine = Contact.objects.filter(customer=customer, user=visitor_of(request))
    return mine.filter(role=Contact.Role.OWNER).exists()


def visitor_of(request: HttpRequest) -> User:
    """Whoever is signed in; the view asks for that."""
    return cast("User", request.user)
