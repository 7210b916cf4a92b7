"""Processes of a customer that lease from the real application, in a world with one clock."""

from typing import Any

from django.test import Client
from django.utils import timezone
from wheelbarrow_client import verify
from wheelbarrow_client.clock import Clock
from wheelbarrow_client.leasing import Lease
from wheelbarrow_client.transport import Transport
from wheelbarrow_client.verdicts import Verdict

from licenses.documents import sign_document
from licenses.models import License
from licenses.root_key import public_key_text


class World(Clock):
    """A clock that the test moves."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 1000.0

    def age(self) -> float:
        return self.passed


class InProcess(Transport):
    """The real application, without a socket. `fault` comes before or after it was asked."""

    fault: Any = None

    def _send(self, method: str, path: str, body: Any, *, etag: str = "", timeout: float = 5.0):
        if self.fault is not None:
            raise self.fault
        headers = {"Authorization": f"Bearer {self.credential}", "User-Agent": self.agent}
        if etag:
            headers["If-None-Match"] = etag
        response = Client().generic(
            method, path, body or b"", content_type="application/json", headers=headers
        )
        if response.status_code >= 300:
            return self._refused(
                response.status_code, dict(response.items()), response.content, etag
            )
        return response.content.decode(), response.headers.get("ETag", "")


class Process:
    """One process of a customer: a lease without its thread, and what its pool was told."""

    def __init__(self, license: License, token: str, wanted: int, world: World, **options: Any):
        self.transport = InProcess("http://testserver", token)
        object.__setattr__(self.transport, "fault", None)
        self.told: list[int] = []
        document = verify(sign_document(license, at=timezone.now()), [public_key_text()])
        self.lease = Lease(
            document, wanted=wanted, transport=self.transport, roots=[public_key_text()],
            on_change=self._change, clock=world, package="hare-ent", version="2.1.0", **options,
        )  # fmt: skip
        self.lease._tell()

    def _change(self, verdict: Verdict) -> None:
        self.told.append(verdict.threads)

    def fail(self, fault: Exception | None) -> None:
        object.__setattr__(self.transport, "fault", fault)
