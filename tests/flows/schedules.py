"""Random schedules on the real code: what may happen to subscriptions, in any order and timing.

One seed is one schedule: some buyers, some steps (they buy, cancel, resume, get refunds, dispute;
cards fail; time passes), and around them all that may go wrong between Stripe and us: events
reordered, doubled, at the same instant, lost; workers that crash before any write statement, and
workers that overtake each other between Stripe's answer and their write. The end is always the
same: everything is delivered or asked for, and then there must be nothing left to put right.

A worker's interleaving is complete at the borders of transactions: within one, nobody else writes.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from billing.guarantee import NoGuarantee, request_guarantee
from billing.models import Subscription
from billing.reconcile import ask_for_events, reconcile
from billing.webhooks import HANDLED
from outbox.claims import LEASE
from outbox.models import Mail
from portal.management.commands.work import work_once
from tests.cards import FAILS_AT_RENEWAL, GOOD
from tests.flows.books import books_agree
from tests.flows.crashing import Killed, killed_before_write
from tests.shop import Buyer, Shop

LOST = 0.08  # share of the deliveries that never arrive
PRICES = (("pro_monthly", 1), ("pro_yearly", 1), ("enterprise_monthly", 2))


class Wrong(AssertionError):
    """The schedule did not end in Stripe's truth."""


@dataclass
class Schedule:
    shop: Shop
    seed: int
    did: list[str] = field(default_factory=list)  # for whoever must understand a failure
    buyers: int = 0
    torn: int = 0  # attempts that ended, or were taken over, in the middle

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def run(self) -> list[str]:
        """The steps it took. Raises Wrong, with the steps, if they did not end in the truth."""
        try:
            self._live()
            self._end()
        except Exception as error:
            raise Wrong(f"seed {self.seed}: {'; '.join(self.did)}: {error!r}") from error
        return self.did

    def _live(self) -> None:
        self._buy()
        for _ in range(self.chance.randint(3, 7)):
            self._step()
            for _ in range(self.chance.randint(0, 2)):
                self.chance.choice((self._deliver, self._work, self._work))()

    def _step(self) -> None:
        steps: dict[Callable[[], None], int] = {
            self._pass_time: 5,
            self._cancel: 3,
            self._resume: 3,
            self._refund: 2,
            self._dispute: 2,
            self._press_guarantee: 1,
            self._buy: 1,
        }
        step = self.chance.choices(list(steps), list(steps.values()))[0]
        step()

    # What buyers, banks, the owner and time do

    def _buy(self) -> None:
        price, quantity = self.chance.choice(PRICES)
        card = self.chance.choice((GOOD, GOOD, FAILS_AT_RENEWAL))
        self.buyers += 1
        buyer = Buyer(self.shop, email=f"b{self.buyers}-{self.seed}@company.example")
        self._note(f"buy {price} {card[-4:]}")
        form = {"nonce": f"{self.seed:016}{self.buyers:016}", "price": price, "quantity": quantity}
        asked = buyer.client.post("/checkout/", form)
        back = buyer.pay(asked["Location"], card=card)
        if self.chance.random() < 0.3:
            buyer.client.get(back)

    def _pass_time(self) -> None:
        """Up to 40 days; every ten of them the night comes that asks for events."""
        hours = self.chance.choice((1, 30, 24 * 9, 24 * 32, 24 * 40))
        self._note(f"{hours} h")
        while hours > 0:
            self.shop.advance(hours=min(hours, 240))
            hours -= 240
            if hours > 0:
                self._crashing(lambda: ask_for_events(timezone.now()))

    def _cancel(self) -> None:
        form = self.chance.choice(("cancel_at_period_end=true", ""))
        if row := self._one_of("/v1/subscriptions"):
            self._note(f"cancel {form}")
            self.shop.ask_stripe("POST" if form else "DELETE", f"/v1/subscriptions/{row}", form)

    def _resume(self) -> None:
        if row := self._one_of("/v1/subscriptions"):
            self._note("resume")
            path = f"/v1/subscriptions/{row}"
            self.shop.ask_stripe("POST", path, "cancel_at_period_end=false")

    def _refund(self) -> None:
        amount = self.chance.choice(("", "&amount=500"))
        if row := self._one_of("/v1/charges", "payment_intent"):
            self._note(f"refund {amount}")
            with suppress(AssertionError):  # refunded or disputed already
                self.shop.ask_stripe("POST", "/v1/refunds", f"payment_intent={row}{amount}")

    def _dispute(self) -> None:
        row = self._one_of("/v1/charges", "payment_intent")
        ends = self.chance.choice((None, "won", "lost"))
        if not row:
            return
        self._note(f"dispute {ends}")
        with suppress(AssertionError):
            dispute = self.shop.standin.control("POST", "disputes", {"payment_intent": row})
            if ends:
                self._deliver()
                path = f"disputes/{dispute['id']}"
                self.shop.standin.control("POST", path, {"outcome": ends})

    def _press_guarantee(self) -> None:
        rows = list(Subscription.objects.order_by("pk"))
        if rows:
            row = self.chance.choice(rows)
            self._note("guarantee")
            with suppress(NoGuarantee):
                self._crashing(lambda: request_guarantee(row.pk, at=timezone.now()))

    def _one_of(self, path: str, name: str = "id") -> str:
        rows = self.shop.ask_stripe("GET", f"{path}?limit=100")["data"]
        ids = list(dict.fromkeys(row[name] for row in rows))  # newest first: the same every time
        return self.chance.choice(ids) if ids else ""

    # What happens between Stripe and us

    def _deliver(self) -> None:
        """Some of what waits, in any order, some of it twice, some never."""
        taken = self.shop.take(order="shuffled", seed=self.chance.randint(0, 999))
        deliveries = [one for one in taken if one["type"] in HANDLED]  # others have no effect
        arriving = [one for one in deliveries if self.chance.random() > LOST]
        again = [one for one in arriving if self.chance.random() < 0.2]
        self._note(f"{len(arriving)} of {len(deliveries)} events, {len(again)} twice")
        for delivery in arriving + again:
            self._crashing(lambda one=delivery: self._post(one), share=0.05)  # type: ignore[misc]

    def _post(self, delivery: dict[str, Any]) -> None:
        assert self.shop.post(delivery) == 200

    def _work(self) -> None:
        """A round of a worker, which may crash, or be slower than another one."""
        if self.chance.random() < 0.5:
            self._crashing(work_once, share=0.6)
        else:
            self._be_overtaken()

    def _be_overtaken(self) -> None:
        """A worker gets an answer from Stripe, or begins a write, when others act."""
        self._deliver()  # so that there is work
        between = self.chance.choice((2, 2, 4, 6, 3, 9))  # 2: between Stripe's answer and the write
        self._note(f"overtaken at {between}")
        with at_border(between, self._meanwhile):
            work_once()

    def _meanwhile(self) -> None:
        """Something changes, its events come, and perhaps another worker takes over."""
        for _ in range(self.chance.randint(1, 2)):
            self.chance.choice((self._cancel, self._resume, self._refund))()
        self._deliver()
        if self.chance.random() < 0.7:
            self._lease_over()
            self.torn += 1
            work_once()

    def _crashing(self, act: Callable[[], object], share: float = 0.3) -> None:
        if self.chance.random() > share:
            act()
            return
        number = self.chance.randint(1, 25)
        try:
            with killed_before_write(number):
                act()
        except Killed:
            self.torn += 1
            self._note(f"killed at {number}")

    def _lease_over(self) -> None:
        self.shop.advance(seconds=LEASE.total_seconds() + 1)

    def _note(self, what: str) -> None:
        self.did.append(what)

    # The end

    def _end(self) -> None:
        """Whatever was lost is asked for; then nothing may be left to put right."""
        if self.chance.random() < 0.5:
            self._be_overtaken()
        self._deliver()
        for _ in range(3):  # what was tried and failed is due again by then
            self.shop.advance(hours=2)
            ask_for_events(timezone.now())
            self.shop.work()
        report = reconcile(timezone.now(), events=False)
        assert not report.drift, f"drift {report.drift}"
        assert not report.needs_him, f"needs him {report.needs_him}"
        books_agree(self.shop, torn=self.torn)
        mails_are_once()


def mails_are_once() -> None:
    """No two mails say the same to the same buyer; each buyer of a schedule buys once.

    But for refunds, two of the same amount are two facts, and for who cancels, takes it back and
    cancels again.
    """
    mails = Mail.objects.exclude(key__contains="canceled:").exclude(key__startswith="refund:")
    to_buyers = [mail for mail in mails if mail.to != [settings.OWNER_EMAIL]]
    said = Counter((str(mail.to), mail.subject, mail.body) for mail in to_buyers)
    doubled = [what[:2] for what, count in said.items() if count > 1]
    assert not doubled, f"doubled mails {doubled}"


@contextmanager
def at_border(number: int, act: Callable[[], None]) -> Iterator[None]:
    """Run *act* once, before the *number*th transaction from now on begins."""
    outer = len(connection.savepoint_ids)
    begun = 0

    def watch(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        nonlocal begun
        if sql.startswith(("SAVEPOINT", "BEGIN")) and len(connection.savepoint_ids) == outer:
            begun += 1
            if begun == number:
                act()
        return execute(sql, *rest)

    with connection.execute_wrapper(watch):
        yield
