"""The way of a /v1 request: route, key, parameters, idempotency, subject, and the answer checked.

Every request is refused as Stripe would refuse it; every answer and every event is held to
Stripe's description, and a wrong one is a 500 of the stand-in that leaves no trace.
"""

import base64
import binascii
import re
from dataclasses import dataclass, field

from . import subjects  # noqa: F401 - fills the registry
from .contract import (
    API_VERSION,
    Json,
    Problem,
    find_operation,
    missing_defaults,
    read_request,
    validate_response,
)
from .embedding import embedded
from .errors import ContractBrokenError, StripeError, invalid_request, not_built, refused_parameter
from .expansion import expand
from .faults import Faults
from .http import Answer, Request
from .idempotency import InFlight, check_key, fingerprint, keep_answer, kept_answer
from .newer import HEADER, as_newer
from .operations import TEMPLATES, Built, Call
from .world import Cause, World

BROKEN = "The stand-in broke Stripe's description. This is its own bug. "

# Parameters that name the object a request is about, and with it the clock it goes by.
NAMING = (
    *("customer", "subscription", "from_subscription", "invoice", "payment_intent", "charge"),
    "test_clock",
)


@dataclass
class Gate:
    world: World
    faults: Faults
    in_flight: InFlight = field(default_factory=InFlight)

    def answer(self, request: Request) -> Answer:
        self.world.requests += 1
        request_id = self.world.new_id("req_", 14)
        key = request.headers.get("idempotency-key", "") if request.method == "POST" else ""
        headers = {"Request-Id": request_id, "Stripe-Version": API_VERSION}
        if key:
            headers["Idempotency-Key"] = key
        try:
            answer = self._answer(request, Cause(request_id, key or None))
        except StripeError as error:
            answer = Answer.json(error.body, error.status)
        except ContractBrokenError as broken:
            answer = Answer.json(_internal(BROKEN + str(broken)), 500)
        answer.headers |= headers
        return answer

    def _answer(self, request: Request, cause: Cause) -> Answer:
        built, ids = find_built(request)
        check_credentials(request)
        params = read_params(request)
        built.check_takes(params)
        key = cause.idempotency_key or ""
        check_key(key)
        with self.in_flight.hold(key):
            self.faults.strike(request, when="before")
            call = Call(self.world, ids, params)
            answer = self._execute(request, built, call, cause)
            self.faults.strike(request, when="after")
        return answer

    def _execute(self, request: Request, built: Built, call: Call, cause: Cause) -> Answer:
        asked = fingerprint(request.method, request.path, request.body)
        key = cause.idempotency_key or ""
        with self.world.transaction(cause):
            kept = kept_answer(self.world, key, asked, request.path)
            if kept:
                headers = {"Idempotent-Replayed": "true"}
                return Answer.json(kept["body"], kept["status"], **headers)
            status, body = self._run(request, built, call)
            check_answer(request, status, body)
            if status != 501:
                keep_answer(self.world, key, asked, request.path, status, body)
            body, unchecked = as_newer(self.world, body)
        return Answer.json(body, status, **({HEADER: "true"} if unchecked else {}))

    def _run(self, request: Request, built: Built, call: Call) -> tuple[int, Json]:
        try:
            self.faults.strike(request, when="during")
        except StripeError as error:
            return error.status, error.body
        return run(built, call)


def operate(world: World, method: str, path: str, form: str) -> Json:
    """One operation without a key, an idempotency key or a fault: as from the Dashboard."""
    body = form.encode() if method == "POST" else b""
    query = "" if method == "POST" else form
    request = Request(method, path, query, body, {}, "")
    built, ids = find_built(request)
    params = read_params(request)
    built.check_takes(params)
    with world.transaction():
        status, answer = run(built, Call(world, ids, params))
        check_answer(request, status, answer)
    return {"status": status, "body": answer}


def run(built: Built, call: Call) -> tuple[int, Json]:
    """A subject's answer. An error takes back what it did, but a declined charge is kept."""
    named = [call.params.get(name) for name in NAMING]
    try:
        with call.world.by_clock_of(*call.ids, *named):
            body = built.handler(call)
    except StripeError as error:
        if not error.keeps_changes:
            call.world.store.rollback()
        return error.status, error.body
    return 200, embedded(expand(call.world, body, call.params.get("expand", ())))


def find_built(request: Request) -> tuple[Built, tuple[str, ...]]:
    found = find_operation(request.method, request.path)
    if found is None:
        message = (
            f"Unrecognized request URL ({request.method}: {request.path}). If you are trying to"
            " list objects, remove the trailing slash. If you are trying to retrieve an object,"
            " make sure you passed a valid (non-empty) identifier in your code."
        )
        raise invalid_request(message, status=404)
    built = TEMPLATES.get((request.method, found.template))
    if built is None:
        raise not_built(f"{request.method} {found.template}")
    pattern = re.sub(r"{[^}]+}", "([^/]+)", found.template)
    match = re.fullmatch(pattern, request.path)
    return built, match.groups() if match else ()


def api_key(request: Request) -> str:
    """The secret key, sent as a bearer token or as the user name of basic authentication."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def check_credentials(request: Request) -> None:
    key = api_key(request)
    if not key:
        message = (
            "You did not provide an API key. You need to provide your API key in the"
            " Authorization header, using Bearer auth (e.g. 'Authorization: Bearer"
            " YOUR_SECRET_KEY')."
        )
        raise invalid_request(message, status=401)
    if not key.startswith("sk_test_"):
        shown = key[:8] + "*" * 8 + key[-4:] if len(key) > 12 else "*" * 8
        raise invalid_request(f"Invalid API Key provided: {shown}", status=401)
    version = request.headers.get("stripe-version", API_VERSION)
    if version != API_VERSION:
        raise not_built(f"API version {version}; it speaks {API_VERSION} only")


def read_params(request: Request) -> Json:
    try:
        form = request.query if request.method in ("GET", "DELETE") else request.body.decode()
    except UnicodeDecodeError:
        raise invalid_request("The request body is not UTF-8.") from None
    if request.method == "DELETE":
        form = "&".join(part for part in (form, request.body.decode()) if part)
    params, problems = read_request(request.method, request.path, form)
    if problems:
        raise refused_parameter(problems[0])
    return params


def check_answer(request: Request, status: int, body: Json) -> None:
    problems: list[Problem] = validate_response(request.method, request.path, status, body)
    if status < 300:
        problems += missing_defaults(body)
    if problems:
        raise ContractBrokenError(f"answer to {request.method} {request.path}", problems)


def _internal(message: str) -> Json:
    return {"error": {"type": "api_error", "message": message}}
