"""The WSGI application: which door a request goes to."""

import traceback
from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from . import control, reminders  # noqa: F401 - fills the agenda
from .faults import ConnectionCutError, Faults
from .gate import Gate
from .http import Answer, Request
from .pages import checkout, invoice, portal
from .pages.html import page, stylesheet
from .store import Store
from .webhooks.push import Pusher
from .world import Options, World

BUG = {"error": {"type": "api_error", "message": "The stand-in has a bug; see its stderr."}}
WSGIApp = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]


class App:
    """One stand-in: its world, and the doors to it."""

    def __init__(self, options: Options, store: Store | None = None) -> None:
        self.world = World(store or Store(), options)
        self.faults = Faults()
        self.gate = Gate(self.world, self.faults)
        self.control = control.Control(self.world, self.faults, dict(vars(options)))
        self.pusher = Pusher(self.world)

    def set_public_url(self, url: str) -> None:
        """Known only once the port is; a reset keeps it."""
        self.world.options.public_url = self.control.started_as["public_url"] = url.rstrip("/")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            answer = self.answer(Request.read(environ))
        except ConnectionCutError as cut:
            answer = Answer(cut_off=True, silent_seconds=cut.seconds)
        except Exception:
            traceback.print_exc()
            answer = Answer.json(BUG, 500)
        return answer.send(start_response)

    def answer(self, request: Request) -> Answer:
        if request.path.startswith("/_test/"):
            return control.answer(self.control, request)
        if request.path.startswith(("/c/", "/i/", "/p/")):
            return self._page(request)
        return self.gate.answer(request)

    def _page(self, request: Request) -> Answer:
        match request.path.strip("/").split("/"):
            case ["c", "style.css"]:
                return stylesheet()
            case ["c", "pay", session_id, *rest]:
                return checkout.answer(self.world, session_id, rest, request)
            case ["i", invoice_id, *rest]:
                return invoice.answer(self.world, invoice_id, rest, request)
            case ["p", "session", session_id]:
                return portal.answer(self.world, session_id, request)
        return page("No such page", "<h1>No such page</h1>", 404)
