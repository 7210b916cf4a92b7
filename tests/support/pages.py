"""A customer's browser on his tickets."""

import re

from django.test import Client

from licenses.models import User

DEV = "dev@company.example"
LIST = "/account/tickets/"


def of(email: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(email=email))
    return client


def page(client: Client, path: str = LIST) -> str:
    response = client.get(path)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def key_in(text: str) -> str:
    found = re.search(r'name="key" value="([0-9a-f]{32})"', text)
    assert found
    return found[1]
