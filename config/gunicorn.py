"""gunicorn's configuration: `gunicorn -c config/gunicorn.py config.wsgi`."""

import gc
import os
from typing import Any

bind = f"{os.environ.get('BIND', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = 2  # few writers: SQLite's lock queue is not fair
threads = 4
preload_app = True  # with when_ready() a new worker begins, and an old one ends, in no time
timeout = 60  # more than SQLite's 20 s of waiting for a lock
graceful_timeout = 30
keepalive = 5
max_requests = 10_000
max_requests_jitter = 5_000  # both at once would leave nobody
control_socket_disable = True  # nothing of ours uses it
accesslog = "-"
# No query string and no headers: they may hold a session id or a credential.
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(B)s %(M)sms'
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")


def on_starting(server: Any) -> None:
    """Run the system checks once, so that settings that cannot work stop the start."""
    import django  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import DatabaseError, connections  # noqa: PLC0415

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    try:
        call_command("check", databases=["default"])
    except DatabaseError:
        # A database that is spoiled or away stops the shop, not the index: installs go on.
        server.log.exception("The database cannot be used")
        call_command("check")
    finally:
        connections.close_all()  # one must not cross a fork


def when_ready(server: Any) -> None:
    """What was loaded by now is no garbage: no worker looks through it again, in the midst of a
    request or when it ends (half a second of a core, each time).
    """
    gc.collect()
    gc.freeze()
