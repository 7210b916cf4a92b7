"""`bin/demo`: the whole shop on one machine, from an empty folder to a working checkout."""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from demo.asker import go_the_askers_way
from demo.build import build_wheels
from demo.buyer import go_the_buyers_way
from demo.pools import go_the_pools_way
from demo.processes import ROOT, DemoFailed, Processes, free_port

OWNER = "owner@hare.example"
SUPPORT = "support@hare.example"


@dataclass
class Demo:
    port: int
    standin_port: int
    mail_port: int
    smtp_port: int
    data: Path

    @classmethod
    def on_free_ports(cls, data: Path) -> Demo:
        shop, stripe, mail, smtp = (free_port() for _ in range(4))
        return cls(port=shop, standin_port=stripe, mail_port=mail, smtp_port=smtp, data=data)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def stripe(self) -> str:
        return f"http://localhost:{self.standin_port}"

    @property
    def mailboxes(self) -> str:
        return f"http://localhost:{self.mail_port}"

    @cached_property
    def processes(self) -> Processes:
        return Processes(self._environment(), self.data / "logs")

    def _environment(self) -> dict[str, str]:
        return {
            "DEMO": "1",
            "DEBUG": "0",
            "SECRET_KEY": _kept_secret(self.data / "secret_key", ""),
            "BASE_URL": self.url,
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
            "PORT": str(self.port),
            "DATA_DIR": str(self.data),
            "DATABASE_URL": "",
            "SHOP_NAME": "Hare",
            "INDEX_UPSTREAM": "",  # the demo needs no network
            "STRIPE_SECRET_KEY": "sk_test_demo",
            "STRIPE_WEBHOOK_SECRET": _kept_secret(self.data / "webhook_secret", "whsec_"),
            "STRIPE_API_BASE": self.stripe,
            "LICENSE_ROOT_KEY_FILE": str(self.data / "root.pem"),
            "OWNER_EMAIL": OWNER,
            "SUPPORT_EMAIL": SUPPORT,
            "ANYMAIL_BACKEND": "",
            "SMTP_URL": f"smtp://127.0.0.1:{self.smtp_port}",
            "NO_PROXY": "localhost,127.0.0.1",
            "no_proxy": "localhost,127.0.0.1",
        }

    def prepare(self) -> str:
        """Database, catalog, keys; returns the owner's password."""
        manage = self.processes.run
        with step("Making the database"):
            for database in ("default", "volatile"):
                manage("manage.py", "migrate", "--database", database, "--verbosity", "0")
        with step("Collecting the static files"):
            manage("manage.py", "collectstatic", "--noinput", "--verbosity", "0")
        with step("Writing the catalog of Hare"):
            manage("manage.py", "demo_catalog")
        return manage("manage.py", "make_owner", OWNER)

    def start(self) -> None:
        """The stand-in for Stripe, the shop, its worker, and everybody's mailboxes."""
        with step("Starting the stand-in for Stripe"):
            self.processes.start("stripe", "-m", "stripe_standin", *self._standin_options())
            self.processes.wait_for("stripe", f"{self.stripe}/_test/state")
        with step("Telling it the catalog"):
            self.processes.run("manage.py", "sync_catalog")
        with step("Starting the mail server and everybody's mailboxes"):
            self.processes.start(
                "mailboxes", "-m", "demo.mailboxes", "--port", str(self.mail_port),
                "--smtp-port", str(self.smtp_port), "--folder", str(self.data / "mail"),
            )  # fmt: skip
            self.processes.wait_for("mailboxes", f"{self.mailboxes}/")
        with step("Starting the shop and its worker"):
            self.processes.start(
                "shop", "-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi"
            )
            self.processes.start("work", "manage.py", "work")
            self.processes.wait_for("shop", f"{self.url}/healthz")

    def _standin_options(self) -> list[str]:
        return [
            "--port", str(self.standin_port),
            "--public-url", self.stripe,
            "--webhook-url", f"{self.url}/stripe/webhook/",
            "--webhook-secret", self.processes.environment["STRIPE_WEBHOOK_SECRET"],
            "--state", str(self.data / "stripe.sqlite3"),
        ]  # fmt: skip

    def publish(self) -> None:
        """Build three wheels and upload them through the real door."""
        with step("Building hare, hare-pro and hare-ent"):
            wheels = build_wheels(self.data / "wheels", self._public_key())
        with step("Uploading them with twine"):
            token = self.processes.run("manage.py", "make_upload_token", "demo")
            self.processes.run(
                "-m", "twine", "upload", "--non-interactive", "--disable-progress-bar",
                "--repository-url", f"{self.url}/legacy/",
                "--username", "__token__", "--password", token,
                *map(str, wheels),
            )  # fmt: skip

    def _public_key(self) -> str:
        kept = self.data / "root.pub"
        if not kept.exists():
            root_key = self.processes.environment["LICENSE_ROOT_KEY_FILE"]
            kept.write_text(self.processes.run("manage.py", "make_root_key", root_key))
        return kept.read_text()


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is done, and how long it took."""
    started = time.monotonic()
    print(f"{what} …", end=" ", flush=True)
    yield
    print(f"{time.monotonic() - started:.1f} s", flush=True)


def _kept_secret(file: Path, prefix: str) -> str:
    """A secret of this demo, made on its first run and kept in a file that only we can read."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(prefix + secrets.token_hex(32))
    return file.read_text()


def run_demo(*, is_fresh: bool) -> None:
    data = Path(os.environ.get("DATA_DIR") or ROOT / "var" / "demo").resolve()
    if is_fresh and data.exists():
        _forget(data)
    demo = Demo(
        port=int(os.environ.get("PORT", "8000")),
        standin_port=int(os.environ.get("STANDIN_PORT", "12111")),
        mail_port=int(os.environ.get("MAIL_PORT", "8025")),
        smtp_port=int(os.environ.get("SMTP_PORT", "2525")),
        data=data,
    )
    try:
        password = demo.prepare()
        demo.start()
        demo.publish()
        _print_links(demo, password)
        _wait(demo)
    finally:
        demo.processes.stop()


def _forget(data: Path) -> None:
    """Delete a demo's folder; anything that was not made by a demo is left alone."""
    if not (data / "secret_key").exists():
        raise DemoFailed(f"{data} is no folder of a demo; delete it yourself or choose another.")
    shutil.rmtree(data)


def check() -> None:
    """The same on free ports in a temporary folder; then the buyer's, asker's and pools' ways."""
    with tempfile.TemporaryDirectory(prefix="wheelbarrow-check-") as folder:
        demo = Demo.on_free_ports(Path(folder))
        try:
            password = demo.prepare()
            demo.start()
            demo.publish()
            go_the_buyers_way(demo.url, Path(folder), step)
            go_the_askers_way(demo.url, demo.mailboxes, (OWNER, password), step)
            go_the_pools_way(demo.url, demo.mailboxes, Path(folder), step)
        finally:
            demo.processes.stop()


def _print_links(demo: Demo, password: str) -> None:
    print(
        f"""
The shop       {demo.url}/
Prices         {demo.url}/pricing/   pay with card 4242 4242 4242 4242, any date, any CVC
The owner      {demo.url}/owner/     {OWNER}  {password}
Stripe's page  {demo.stripe}/        the stand-in; no money moves
Mailboxes      {demo.mailboxes}/        everybody's: read what the shop mailed, write to it
Mail server    localhost:{demo.smtp_port}     for a mail program: no TLS, no password
Logs           {demo.data / "logs"}

Ctrl-C stops everything; `bin/demo --fresh` begins anew.""",
        flush=True,
    )


def _wait(demo: Demo) -> None:
    while True:
        for name in demo.processes.running:
            demo.processes.check(name)
        time.sleep(0.5)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bin/demo", description=__doc__)
    parser.add_argument("--check", action="store_true", help="buy, ask, lease, then end")
    parser.add_argument("--fresh", action="store_true", help="forget an earlier demo first")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        if options.check:
            check()
        else:
            run_demo(is_fresh=options.fresh)
    except DemoFailed as error:
        sys.exit(f"\nbin/demo: {error}")
    except KeyboardInterrupt:
        print("\nStopped.")


if __name__ == "__main__":
    main()
