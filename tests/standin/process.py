"""Start the stand-in as its own process and hold it in a test's hand.

    with start_standin(webhook_secret="whsec_test") as standin:
        client = stripe.StripeClient("sk_test_x", base_addresses={"api": standin.base_url})
        ...
        url = standin.pay_checkout(session.url)
        for delivery in standin.take(order="reversed", copies=2):
            ...

Only the standard library, and no socket but to the process it started.
"""

import http.client
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from tests.cards import GOOD

ROOT = Path(__file__).resolve().parents[2]
LISTENING = re.compile(r"stripe stand-in listening on (http://\S+)")
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class NotPaidError(Exception):
    """The hosted page did not send the buyer back to the shop; the text says what it showed."""

    def __init__(self, status: int, page: str) -> None:
        found = re.search(r'role="alert">([^<]*)<', page) or re.search(r"<h1>([^<]*)<", page)
        super().__init__(f"{status}: {found[1] if found else page[:200]}")
        self.status, self.page = status, page


@dataclass
class HttpAnswer:
    status: int
    headers: dict[str, str]  # names in lower case
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class StandIn:
    process: subprocess.Popen[str]
    base_url: str
    webhook_secret: str = "whsec_test"
    stopped: bool = field(default=False, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def request(
        self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None
    ) -> HttpAnswer:
        """One HTTP request to the stand-in; redirects are not followed."""
        parts = urlsplit(self.base_url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        try:
            connection.request(method, path, body.encode() or None, headers or {})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        names = {name.lower(): value for name, value in answer.getheaders()}
        return HttpAnswer(answer.status, names, text)

    def control(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The control API: `control("POST", "faults", {...})`; a refusal is an AssertionError."""
        answer = self.request(
            method, "/_test/" + path, "" if body is None else json.dumps(body), JSON
        )
        assert answer.status == 200, f"{method} {path}: {answer.status} {answer.text}"
        return answer.json()

    def take(self, **options: Any) -> list[dict[str, Any]]:
        """Pending deliveries, rendered and signed; they count as delivered."""
        taken: list[dict[str, Any]] = self.control("POST", "deliveries/take", options)["deliveries"]
        return taken

    def reset(self) -> None:
        self.control("POST", "reset")

    def advance(self, seconds: int) -> int:
        return int(self.control("POST", "clock", {"advance_s": seconds})["now"])

    def now(self) -> int:
        return int(self.control("GET", "clock")["now"])

    def hold(self) -> None:
        """Keep events until they are taken."""
        self.control("POST", "webhooks", {"mode": "hold"})

    def pay_checkout(
        self,
        session_url: str,
        *,
        card: str = GOOD,
        email: str = "buyer@example.com",
        quantity: int | None = None,
        code: str = "",
        authenticate: bool = True,
    ) -> str:
        """Fill in the hosted page; the URL that the buyer is sent back to.

        A 3-D Secure question is answered as *authenticate* says. Raises NotPaidError when the page
        does not lead back.
        """
        path = urlsplit(session_url).path
        fields = {"email": email, "name": "Test Buyer", "country": "US"}
        fields |= {"card_number": card, "exp": "12/34", "cvc": "123"}
        if quantity is not None:
            fields["quantity"] = str(quantity)
        if code:
            fields["promotion_code"] = code
        answer = self.request("POST", path, urlencode(fields), FORM)
        if answer.status == 200 and "/3ds" in answer.text:
            outcome = "complete" if authenticate else "fail"
            answer = self.request("POST", path + "/3ds", urlencode({"outcome": outcome}), FORM)
        if answer.status != 303:
            raise NotPaidError(answer.status, answer.text)
        return answer.headers["location"]

    def kill(self) -> None:
        """As the power does: no chance to write anything."""
        self._end(self.process.kill)

    def stop(self) -> None:
        self._end(self.process.terminate)

    def _end(self, how: Any) -> None:
        if not self.stopped:
            self.stopped = True
            how()
            self.process.wait(timeout=10)
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()


def start_standin(
    *,
    webhook_url: str | None = None,
    webhook_secret: str = "whsec_test",
    state: Path | str | None = None,
) -> StandIn:
    """A stand-in on a free port of 127.0.0.1, ready when this returns."""
    command = [sys.executable, "-m", "stripe_standin", "--port", "0"]
    command += ["--webhook-secret", webhook_secret]
    command += ["--webhook-url", webhook_url] if webhook_url else []
    command += ["--state", str(state)] if state else []
    environ = {key: value for key, value in os.environ.items() if key != "STRIPE_SECRET_KEY"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environ | {"DEMO": "1"}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    found = LISTENING.match(process.stdout.readline())
    if found is None:
        process.kill()
        process.wait()
        process.stdout.close()
        raise RuntimeError("the stand-in did not start")
    return StandIn(process, found[1], webhook_secret)
