"""Whose pages a visitor may see."""

from typing import cast

from django.db.models import QuerySet
from django.http import HttpRequest

from licenses.models import Customer, User


def customers_of(request: HttpRequest) -> QuerySet[Customer]:
    """The customers that the signed-in visitor is a contact of."""
    return Customer.objects.of_user(cast("User", request.user))
