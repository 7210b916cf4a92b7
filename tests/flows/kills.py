"""Buyers come, want their money back or upload, and processes are killed -9 while they serve them.

Whatever was killed is done once more, as browsers, Stripe and twine do it, or by the next worker.
"""

import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from email import message_from_string
from pathlib import Path
from typing import Any

from django.core.mail.backends.filebased import EmailBackend as FileBackend
from django.db import connection
from django.test import Client
from django.utils import timezone

from billing.models import Cart, Subscription
from licenses.models import Credential, License, User
from outbox.claims import LEASE
from outbox.models import Mail
from tests.cards import GOOD, OTHER_GOOD, THIRD_GOOD
from tests.flows.books import books_agree
from tests.flows.processes import kill_after, run_alone
from tests.shop import Buyer, Shop

BUYERS = 16
CARD = GOOD
# The guarantee covers the first purchase of a card: who wants his money back has his own.
CARDS_OF_REFUNDED = {0: THIRD_GOOD, 6: OTHER_GOOD, 12: "378282246310005"}
STEPS = 30  # about as many as one purchase takes
_to_go = [0]


def step() -> None:
    """Called before each write and around each mail; the process dies at the one it shall."""
    _to_go[0] -= 1
    if _to_go[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)


class Backend(FileBackend):
    def send_messages(self, email_messages: Any) -> Any:
        step()
        sent = super().send_messages(email_messages)
        step()
        return sent


def _die_at_step(number: int, act: Callable[[], object]) -> None:
    def watch(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if sql.startswith(("INSERT", "UPDATE", "DELETE")):
            step()
        return execute(sql, *rest)

    _to_go[0] = number
    with connection.execute_wrapper(watch):
        act()


@dataclass
class Kills:
    """*mails* is the folder of `Backend`, which the settings name."""

    shop: Shop
    mails: Path
    seed: int
    killed: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def serve(self) -> None:
        """All buyers. Raises AssertionError when anything of theirs was lost or doubled."""
        for one in range(BUYERS):
            email = f"dev{one}@company.example"
            self._buy(email, CARDS_OF_REFUNDED.get(one, CARD), nonce=f"{one:032}")
            if one in CARDS_OF_REFUNDED:
                self._refund(email)
        self._let_the_dead_leases_run_out()
        self._nothing_is_lost_or_doubled()

    def _buy(self, email: str, card: str, nonce: str) -> None:
        buyer = Buyer(self.shop, email=email)
        form = {"nonce": nonce, "price": "pro_monthly", "quantity": 1}
        self._kill(lambda: buyer.client.post("/checkout/", form), within=0.06)
        buyer.pay(buyer.client.post("/checkout/", form)["Location"], card=card)
        deliveries = self.shop.take()
        for delivery in self.chance.sample(deliveries, 2):
            self._kill(lambda one=delivery: self.shop.post(one), within=0.02)  # type: ignore[misc]
        assert {self.shop.post(delivery) for delivery in deliveries} == {200}
        self._kill(self.shop.work, within=0.15)

    def _refund(self, email: str) -> None:
        self._let_the_dead_leases_run_out()
        client = Client()
        client.force_login(User.objects.get(email=email))
        subscription = Subscription.objects.get(customer__contacts__email=email)
        path = f"/account/subscriptions/{subscription.pk}/refund/"
        self._kill(lambda: client.post(path), within=0.04)
        assert client.post(path).status_code in {302, 303, 409}  # 409: it was asked for already
        self._kill(self.shop.work, within=0.2)

    def _kill(self, act: Callable[[], object], *, within: float) -> None:
        """At some moment up to *within* seconds, or at some step: each of them comes to be one."""
        if self.chance.random() < 0.5:
            self.killed += kill_after(self.chance.uniform(0, within), act)
        else:
            number = self.chance.randint(1, STEPS)
            self.killed += run_alone(lambda: _die_at_step(number, act)) == -signal.SIGKILL

    def _let_the_dead_leases_run_out(self) -> None:
        """What failed meanwhile, as Stripe was still at a dead one's request, is due by then."""
        for _ in range(2):
            self.shop.clock.move_to(timezone.now() + LEASE + timedelta(hours=2))
            self.shop.settle()

    def _nothing_is_lost_or_doubled(self) -> None:
        refunded = len(CARDS_OF_REFUNDED)
        assert Cart.objects.count() == License.objects.count() == BUYERS
        assert Credential.objects.count() == BUYERS
        assert License.objects.filter(status="revoked").count() == refunded
        assert self.shop.stripe_counts()["refund"] == refunded
        books_agree(self.shop)
        texts = [file.read_text() for file in self.mails.iterdir()]
        parts = "".join(texts).split(f"{'-' * 79}\n")
        sent = [message_from_string(part)["Message-ID"] for part in parts if part.strip()]
        assert set(sent) == set(Mail.objects.values_list("message_id", flat=True))
        assert len(sent) <= len(set(sent)) + self.killed
