"""What stands on a page."""

import re

from django.test import Client


def text_of(owner: Client, path: str = "/owner/business/") -> str:
    response = owner.get(path)
    assert response.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())
