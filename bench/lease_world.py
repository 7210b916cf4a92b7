"""What `bench/lease_model.py` plays with: a world with clocks, processes, and the wire between."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from wheelbarrow_client import verify
from wheelbarrow_client.clock import Clock
from wheelbarrow_client.leasing import Lease
from wheelbarrow_client.together import Together
from wheelbarrow_client.transport import Transport, Unreachable
from wheelbarrow_client.verdicts import Verdict

DAY = 86_400.0


class World(Clock):
    """One time for all, beside it the wall clocks of server and customers."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 10 * DAY
        self.server_off = self.wall_off = 0.0

    def age(self) -> float:
        return self.passed

    def skew(self, issued_at: float) -> float:
        return self.wall_off


class Wire(Transport):
    """From a process to the ledger and back, with what may happen on the way."""

    seller: Any = None
    pool: Any = None
    fault = ""

    def put_lease(self, iid: str, body: dict[str, Any]) -> str:
        return self._send(lambda: self.seller.answer(self.pool, uuid.UUID(iid), body))

    def post_batch(self, body: dict[str, Any]) -> str:
        return self._send(lambda: self.seller.answer_all(self.pool, body))

    def _send(self, ask: Callable[[], str]) -> str:  # type: ignore[override]
        if self.fault == "cut" or self.seller.is_away:
            raise Unreachable("no route to host")
        token = ask()
        if self.fault == "doubled":
            ask()
        if self.fault == "replayed":
            return str(self.pool.last_token)
        if self.fault == "forged":
            return token[:-20] + ("A" * 20)
        if self.fault == "lost":  # it was granted, and nobody heard
            raise Unreachable("connection reset")
        self.pool.last_token = token
        return token

    def delete_lease(self, iid: str) -> None:
        if self.fault == "cut":
            raise Unreachable("no route to host")
        self.seller.goodbye(self.pool, uuid.UUID(iid))

    def get_license(self, etag: str = "") -> tuple[str, str]:
        return "", ""

    def get_revoked_keys(self) -> str:
        return ""


class Process:
    """A customer's process: the real lease, without its thread."""

    def __init__(
        self, seller: Seller, pool: Pool, wanted: int, slot: str, *, is_together: bool
    ) -> None:
        self.pool, self.slot = pool, slot
        self.wire = Wire("http://seller", "wb_ls")
        for name, value in {"seller": seller, "pool": pool}.items():
            object.__setattr__(self.wire, name, value)
        self.lease = Lease(
            pool.document, wanted=wanted, transport=self.wire, roots=seller.roots,
            on_change=_ignore, clock=seller.world,
            together=Together(pool.folder) if is_together else None,
        )  # fmt: skip
        self.is_together = is_together
        self.cut_since: float | None = None
        self.started_at = seller.world.passed

    def kill(self) -> None:
        """kill -9: the files stay, and nobody locks them."""
        if self.is_together:
            self.lease._asker._together.forget()  # type: ignore[union-attr]  # noqa: SLF001

    def set_fault(self, fault: str) -> None:
        object.__setattr__(self.wire, "fault", fault)


def _ignore(verdict: Verdict) -> None:
    pass


class Pool:
    """A license and its processes."""

    def __init__(self, name: str, license: Any, document: Any, folder: Path) -> None:
        self.name, self.license, self.document = name, license, document
        self.most_limit = license.threads
        self.processes: list[Process] = []
        self.last_token = ""
        self.folder = folder / f"together-{name}"
        self.folder.mkdir()
        self.stopped_at: float | None = None  # suspended or revoked

    def slot_of(self, iid: str) -> str:
        return next((one.slot for one in self.processes if one.lease.iid == iid), "")


class Seller:
    """The real ledger, on the world's clock."""

    def __init__(self, limits: dict[str, int], folder: Path) -> None:
        self.world = World()
        self.is_away, self.away_until = False, 0.0
        self.done: Counter[str] = Counter()
        self.began: datetime
        self.roots: list[str]
        self.pools = self._make_pools(limits, folder)

    def now(self) -> datetime:
        return self.began + timedelta(seconds=self.world.passed + self.world.server_off)

    def answer(self, pool: Pool, iid: uuid.UUID, body: dict[str, Any]) -> str:
        from licenses.lease_answers import sign_answer  # noqa: PLC0415
        from licenses.lease_requests import read_request  # noqa: PLC0415
        from licenses.leases import acquire_leases  # noqa: PLC0415

        slotted = {**body, "slot": pool.slot_of(str(iid))}
        asked = read_request(json.dumps(slotted).encode(), iid=iid)
        outcome = acquire_leases(pool.license, asked.wishes, at=self.now())
        self.done["requests"] += 1
        return sign_answer(pool.license, asked, outcome, at=self.now())

    def answer_all(self, pool: Pool, body: dict[str, Any]) -> str:
        from licenses.lease_answers import sign_batch  # noqa: PLC0415
        from licenses.lease_requests import read_batch  # noqa: PLC0415
        from licenses.leases import acquire_leases  # noqa: PLC0415

        members = [{**one, "slot": pool.slot_of(one["iid"])} for one in body["members"]]
        asked = read_batch(json.dumps({**body, "members": members}).encode())
        outcome = acquire_leases(pool.license, asked.wishes, at=self.now())
        self.done["requests for all"] += 1
        return sign_batch(pool.license, asked, outcome, at=self.now())

    def goodbye(self, pool: Pool, iid: uuid.UUID) -> None:
        from licenses.leases import release_lease  # noqa: PLC0415

        if self.is_away:
            raise Unreachable("no route to host")
        release_lease(pool.license.pk, iid)

    def _make_pools(self, limits: dict[str, int], folder: Path) -> list[Pool]:
        from django.utils import timezone  # noqa: PLC0415

        from licenses.documents import sign_document  # noqa: PLC0415
        from licenses.models import License  # noqa: PLC0415
        from licenses.root_key import public_key_text  # noqa: PLC0415
        from tests.make import make_license, make_tier  # noqa: PLC0415

        self.began, self.roots = timezone.now(), [public_key_text()]
        tier = make_tier("enterprise", threads_per_unit=100)
        pools = []
        for name, limit in limits.items():
            ends = self.began + timedelta(days=3650)
            made = make_license(tier=tier, threads=limit, paid_through=ends)
            license = License.objects.select_related("customer", "tier__product").get(pk=made.pk)
            document = verify(sign_document(license, at=self.began), self.roots)
            pools.append(Pool(name, license, document, folder))
        return pools
