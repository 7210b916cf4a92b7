"""The WSGI application: which door a request goes to."""

import traceback
from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from . import control
from .faults import ConnectionCutError, Faults
from .gate import Gate
from .http import Answer, Request
from .pages import checkout
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
        except ConnectionCutError:
            answer = Answer(cut_off=True)
        except Exception:
            traceback.print_exc()
            answer = Answer.json(BUG, 500)
        return answer.send(start_response)

    def answer(self, request: Request) -> Answer:
        if request.path.startswith("/_test/"):
            return control.answer(self.control, request)
        if request.path.startswith("/c/"):
            return self._page(request)
        return self.gate.answer(request)

    def _page(self, request: Request) -> Answer:
        match request.method, request.path.strip("/").split("/"):
            case "GET" | "HEAD", ["c", "style.css"]:
                return stylesheet()
            case "GET" | "HEAD", ["c", "pay", session_id]:
                return checkout.show(self.world, session_id)
            case "GET" | "HEAD", ["c", "pay", session_id, "3ds"]:
                return checkout.show(self.world, session_id)
            case "POST", ["c", "pay", session_id]:
                return checkout.submit(self.world, session_id, request)
            case "POST", ["c", "pay", session_id, "3ds"]:
                return checkout.submit_secure(self.world, session_id, request)
        return page("No such page", "<h1>No such page</h1>", 404)
