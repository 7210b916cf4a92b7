"""A client of the license API for tests, in a few lines and without the real one."""

import json
import uuid
from typing import Any

from django.http import HttpResponse
from django.test import Client
from wheelbarrow_client.tokens import read_token

from licenses.root_key import public_key_text

LEASE = b"wheelbarrow-lease-v1"
IID = uuid.UUID("8b27d3a0-1111-4222-8333-444455556666")


class ApiClient:
    def __init__(self, token: str) -> None:
        self.headers = {"Authorization": f"Bearer {token}", "User-Agent": "hare-ent/2.1.0"}

    def put(self, iid: uuid.UUID | str, **fields: Any) -> HttpResponse:
        body = {"v": 1, "threads": 10, "env": "production", "nonce": "bm9uY2U", "seq": 1} | fields
        return self.send("PUT", f"/v1/leases/{iid}", json.dumps(body))

    def lease(self, iid: uuid.UUID | str, **fields: Any) -> dict[str, Any]:
        """The verified claims of an answer."""
        response = self.put(iid, **fields)
        assert response.status_code == 200, response.content
        return claims(response.json()["lease"])

    def send(self, method: str, path: str, body: str = "", **headers: str) -> HttpResponse:
        return Client().generic(
            method, path, body, content_type="application/json", headers=self.headers | headers
        )


def claims(token: str) -> dict[str, Any]:
    """Verified as the customer's client does it: from the root down."""
    return read_token(token, [public_key_text()], purpose=LEASE, use="lease")
