"""A month without the seller, and the return: the real client on a clock that the test moves."""

import heapq
import random
from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone
from wheelbarrow_client import leasing
from wheelbarrow_client.leasing import Lease
from wheelbarrow_client.transport import Transport, Unreachable
from wheelbarrow_client.verdicts import Verdict

from licenses.credentials import create_lease_credential
from licenses.lease_duties import lease_duties
from licenses.models import License
from outbox.models import Mail
from tests.licenses.leasing import BOTH, limited, sums
from tests.sdk.documents import make_claims, make_key, public_text, sign
from tests.sdk.processes import Process, World

pytestmark = pytest.mark.usefixtures("root_key")
HOUR = 3600.0


class Customer:
    """Processes that come and go, and beat when their own schedule says."""

    def __init__(self, license: License, world: World) -> None:
        self.license, self.world = license, world
        self.token = create_lease_credential(license.pk, name="prod", at=timezone.now())[1]
        self.is_reachable = True
        self.running: list[Process] = []
        self.due: list[tuple[float, int, Process]] = []
        self.beats = 0

    def start(self, threads: int) -> None:
        process = Process(self.license, self.token, threads, self.world)
        self.running.append(process)
        self._plan(process, 0)

    def kill(self, count: int) -> None:
        del self.running[:count]

    def run(self, until: float) -> None:
        """Let time pass, one beat after the other."""
        while self.due and self.due[0][0] <= until:
            self.world.passed, _, process = heapq.heappop(self.due)
            if process in self.running:
                process.fail(None if self.is_reachable else Unreachable("no route to host"))
                self._plan(process, process.lease.beat())
        self.world.passed = until

    def threads(self) -> list[int]:
        return [process.lease.verdict().threads for process in self.running]

    def _plan(self, process: Process, pause: float) -> None:
        self.beats += 1
        heapq.heappush(self.due, (self.world.passed + pause, self.beats, process))


@pytest.mark.django_db(databases=BOTH)
def test_a_month_without_us_takes_no_thread_and_no_start(time_machine):
    began = timezone.now()
    world, license = World(), limited(100)
    customer = Customer(license, world)
    for _ in range(10):
        customer.start(10)
    customer.run(world.passed + HOUR)
    lost_at = world.passed
    customer.is_reachable = False

    for day in range(30):  # 720 hours
        size = 30 if day % 7 == 3 else 10  # three times as many on some days
        for _ in range(size):
            customer.start(10)
        customer.kill(len(customer.running) - size)
        for _ in range(8):
            customer.run(world.passed + 3 * HOUR - 1)
            assert customer.threads() == [10] * size
    assert world.passed - lost_at > 719 * HOUR

    time_machine.move_to(began + timedelta(days=30))
    customer.is_reachable = True
    customer.run(world.passed + HOUR / 2)
    lease_duties(timezone.now())

    assert customer.threads() == [10] * 10
    assert sums(license) == (100, 0)
    assert not Mail.objects.filter(key__startswith="threads:").exists()


def test_the_return_of_everybody_after_six_hours_is_no_stampede():
    """A twentieth of 100,000 real clients; what a second brings is times twenty."""

    class Down(Transport):
        def _send(self, *args: object, **options: object) -> tuple[str, str]:
            raise Unreachable("connection refused")

    share = 20
    random.seed(7)
    key = make_key()
    document = leasing.verify(sign(key, make_claims()), [public_text(key)])
    world = World()
    back_at = world.passed + 6 * HOUR
    returns: list[float] = []
    for _ in range(100_000 // share):
        lease = Lease(
            document, wanted=10, transport=Down("http://x", "k"), roots=[], clock=world,
            on_change=_ignore,
        )  # fmt: skip
        moment = back_at - 6 * HOUR + random.uniform(0, 300)
        while moment < back_at:
            moment += lease._back_off(0.0)
        returns.append(moment)

    each_ten_seconds = Counter(int(moment // 10) for moment in returns)

    assert max(each_ten_seconds.values()) * share / 10 < 250
    assert max(returns) - back_at <= 900


def _ignore(verdict: Verdict) -> None:
    pass
