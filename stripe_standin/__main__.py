"""`python -m stripe_standin`: Stripe for development, tests and the demo, on one machine.

    DEMO=1 python -m stripe_standin --port 12111 \\
        --public-url http://localhost:12111 \\
        --webhook-url http://localhost:8000/stripe/webhook/ --webhook-secret whsec_demo \\
        --state var/demo/stripe.sqlite3

Point the real library at it: `StripeClient("sk_test_x", base_addresses={"api": URL})`.
It prints one line when it listens, and ends on SIGTERM. Without `--state` it forgets everything.
`/_test/` is the control API (clock, webhooks in your hand, faults); see `control/`.

It takes no money and so refuses to start where money could be meant: unless DEBUG or DEMO is on,
and whenever a live key is in the environment.
"""

import argparse
import gc
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from .app import App
from .contract.spec import load_spec
from .server import Server
from .store import Store
from .timeline import catch_up
from .world import Options

TRUE = ("1", "true", "yes", "on")
LIVE_KEYS = ("sk_live_", "rk_live_")
TICK_SECONDS = 1.0


def refusal(environ: "os._Environ[str] | dict[str, str]") -> str:
    """Why it must not start here; "" when it may."""
    if environ.get("STRIPE_SECRET_KEY", "").startswith(LIVE_KEYS):
        return "The Stripe stand-in does not start: STRIPE_SECRET_KEY is a live key."
    if not any(environ.get(name, "").lower() in TRUE for name in ("DEBUG", "DEMO")):
        return "The Stripe stand-in does not start in production: set DEBUG=1 or DEMO=1."
    return ""


def read_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m stripe_standin")
    port = int(os.environ.get("STANDIN_PORT", "12111"))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=port, help="0 takes a free one")
    parser.add_argument("--public-url", default="", help="where browsers find the hosted pages")
    parser.add_argument("--webhook-url", default="")
    parser.add_argument("--webhook-secret", default="whsec_standin")
    parser.add_argument("--state", type=Path, help="an SQLite file to remember in")
    return parser.parse_args(arguments)


def main() -> int:
    arguments = read_arguments(sys.argv[1:])
    reason = refusal(os.environ)
    if reason:
        print(reason, file=sys.stderr)
        return 2
    load_spec()
    # Years of events are millions of small dicts without cycles: looking for some takes a third of
    # the time.
    gc.set_threshold(200_000, 50, 100)
    options = Options(webhook_url=arguments.webhook_url, webhook_secret=arguments.webhook_secret)
    app = App(options, Store(arguments.state))
    server = Server((arguments.host, arguments.port), app)
    port = server.server_address[1]
    app.set_public_url(arguments.public_url or f"http://localhost:{port}")
    serve(app, server)
    return 0


def serve(app: App, server: Server) -> None:
    stopped = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    app.pusher.start()
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    host, port = server.server_address[:2]
    print(f"stripe stand-in listening on http://{host!s}:{port}", flush=True)
    while not stopped.wait(TICK_SECONDS):
        with app.world.transaction():
            catch_up(app.world)
    app.pusher.stop()
    server.shutdown()
    server.server_close()
    with app.world.lock:
        app.world.store.close()


if __name__ == "__main__":
    sys.exit(main())
