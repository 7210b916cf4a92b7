"""The two doors: the stand-in's (control and API), and the shop's, as a browser and pip see it."""

import base64
import html
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.cookiejar import CookieJar
from typing import Any

Json = dict[str, Any]
SECONDS = 60
QUIET_SECONDS = 0.2  # without a request of the shop's: its worker has nothing left to ask


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Stay where the answer came from."""


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    location: str


def ask(
    url: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    *,
    method: str | None = None,
    cookies: CookieJar | None = None,
) -> Answer:
    """One request; redirects are not followed, and an error's status is an answer too."""
    request = urllib.request.Request(url, body, headers or {}, method=method)  # noqa: S310
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPCookieProcessor(cookies),
        _NoRedirects(),
    )
    try:
        with opener.open(request, timeout=SECONDS) as reply:
            return Answer(reply.status, reply.read().decode(), "")
    except urllib.error.HTTPError as error:
        with error:
            text = error.read().decode(errors="replace")
            return Answer(error.code, text, error.headers.get("Location", ""))


@dataclass(frozen=True)
class Standin:
    url: str

    def control(self, method: str, path: str, body: Json | None = None) -> Any:
        sent = None if body is None else json.dumps(body).encode()
        answer = ask(f"{self.url}/_test/{path}", sent, method=method)
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.text[:300]}")
        return json.loads(answer.text)

    def api(self, method: str, path: str, **form: Any) -> Json | None:
        """What Stripe answers; None when it refuses."""
        headers = {"Authorization": "Bearer sk_test_simulate"}
        body = urllib.parse.urlencode(form).encode() if form else None
        answer = ask(f"{self.url}/v1/{path}", body, headers, method=method)
        if answer.status >= 500:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.text[:300]}")
        read: Json = json.loads(answer.text)
        return read if answer.status == 200 else None

    def everything(self, path: str) -> list[Json]:
        """All pages of a list."""
        rows: list[Json] = []
        while True:
            after = f"&starting_after={rows[-1]['id']}" if rows else ""
            joined = "&" if "?" in path else "?"
            page = self.api("GET", f"{path}{joined}limit=100{after}")
            if page is None:
                raise RuntimeError(f"{path} is refused")
            rows += page["data"]
            if not page["has_more"]:
                return rows

    def wait_until_quiet(self) -> None:
        """Until the shop has asked nothing for a while."""
        before, since = -1, time.monotonic()
        while time.monotonic() - since < QUIET_SECONDS:
            asked = self.control("GET", "clock")["requests"]
            if asked != before:
                before, since = asked, time.monotonic()
            time.sleep(0.05)


@dataclass(frozen=True)
class Shop:
    url: str

    def buy(self, price: str, quantity: int, card: str, email: str) -> str:
        """All the way to the welcome page; the key that it shows, or "" when it shows none."""
        cookies = CookieJar()
        form = self._form(price, cookies) | {"quantity": str(quantity)}
        at_stripe = self._post(f"{self.url}/checkout/", form, cookies).location
        if not at_stripe:
            return ""
        paying = {"email": email, "name": email, "country": "US", "card_number": card}
        paying |= {"exp": "12/60", "cvc": "123"}
        back = self._post(at_stripe, paying, CookieJar()).location
        if not back:
            return ""
        welcome = ask(back, cookies=cookies).text
        found = re.search(r'id="key"[^>]*>(.*?)</', welcome, re.DOTALL)
        return html.unescape(found[1]).strip() if found else ""

    def _form(self, price: str, cookies: CookieJar) -> dict[str, str]:
        page = ask(f"{self.url}/pricing/", cookies=cookies).text
        forms: list[str] = re.findall(r"<form.*?</form>", page, re.DOTALL)
        form = next(one for one in forms if f'value="{price}"' in one)
        pairs = (
            (_attribute(tag, "name"), _attribute(tag, "value"))
            for tag in re.findall(r"<input[^>]*>", form)
        )
        return {name: value for name, value in pairs if name}

    def _post(self, url: str, form: dict[str, str], cookies: CookieJar) -> Answer:
        body = urllib.parse.urlencode(form).encode()
        return ask(url, body, {"Referer": url}, cookies=cookies)

    def newest_file_status(self, project: str, key: str) -> int:
        """What pip gets for the newest file of a project with this key."""
        basic = base64.b64encode(f"__token__:{key}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}"}
        accept = {"Accept": "application/vnd.pypi.simple.v1+json"}
        page = ask(f"{self.url}/simple/{project}/", headers=headers | accept)
        if page.status != 200:
            return page.status
        url = urllib.parse.urljoin(
            f"{self.url}/simple/{project}/", json.loads(page.text)["files"][-1]["url"]
        )
        return ask(url, headers=headers, method="HEAD").status


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return html.unescape(found[1]) if found else ""
