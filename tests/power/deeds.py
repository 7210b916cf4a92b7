"""What is acknowledged, one thing after the other: `python -m tests.power.deeds NUMBER`.

Webhooks come in, files are uploaded, keys are revoked. When the answer says that it is done, a line
in DATA_DIR/told says so, with what must be true from then on. `--prepare` instead of the number
makes the database and the keys: what lies on the disk before.
"""

import os
import sys
from pathlib import Path
from typing import Any

ENVIRONMENT = {
    "DEMO": "1",
    "SECRET_KEY": "power-secret-key-" + "k" * 40,
    "BASE_URL": "http://testserver",
    "STRIPE_SECRET_KEY": "sk_test_canary1234567890",
    "STRIPE_WEBHOOK_SECRET": "whsec_canary1234567890",
    "STRIPE_API_BASE": "http://127.0.0.1:1",
    "INDEX_UPSTREAM": "",
    "INBOUND_PROVIDERS": "postmark",
    "ANYMAIL_WEBHOOK_SECRET": "hook:secret",
    "DJANGO_SETTINGS_MODULE": "config.settings",
}
CUSTOMERS, KEYS_EACH = 8, 10


def prepare() -> None:
    from django.core.management import call_command
    from django.db import connections

    from tests.make import make_credential, make_customer, make_license
    from tests.pkgindex.make import make_project, make_upload_token

    for alias in connections:
        call_command("migrate", database=alias, verbosity=0)
    for number in range(1, CUSTOMERS + 1):
        customer = make_customer(f"dev{number}@example.com")
        make_license(customer=customer)
        for name in range(KEYS_EACH):
            make_credential(customer, name=f"ci-{name}")
    make_project("hare")
    Path(os.environ["DATA_DIR"], "token").write_text(make_upload_token()[1])


def act(number: int) -> None:
    from django.db import connection

    from licenses.models import Credential

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_autocheckpoint=40")  # so that checkpoints are among it
    keys = list(Credential.objects.values_list("pk", flat=True))
    token = Path(os.environ["DATA_DIR"], "token").read_text()
    told = os.open(Path(os.environ["DATA_DIR"], "told"), os.O_WRONLY | os.O_CREAT, 0o600)
    for one in range(number):
        if one % 8 == 1:
            fact = receive(one)
        elif one % 8 == 3:
            fact = upload(one, token)
        elif one % 8 == 5:
            fact = revoke(keys.pop())
        else:
            fact = webhook(one)
        os.write(told, f"{fact}\n".encode())


def webhook(number: int) -> str:
    from tests.flows.test_webhooks import event, post

    stripe_id = f"evt_{number}"
    about: dict[str, Any] = {"object": {"id": f"sub_{number % 9}", "object": "subscription"}}
    assert post(event(id=stripe_id, data=about)) == 200
    return f"webhook {stripe_id}"


def receive(number: int) -> str:
    """A mail with a file; what came before it is read."""
    from django.utils import timezone

    from support.receiving import parse_due_mail
    from tests.support.mails import with_file
    from tests.support.test_webhooks import INBOUND, post, postmark

    parse_due_mail(timezone.now())
    sender = f"dev{number % CUSTOMERS + 1}@example.com"
    raw = with_file("log.txt", f"line {number}\n" * 300, sender=sender, number=number)
    assert post(INBOUND, postmark(raw, f"mail-{number}")).status_code == 200
    return f"mail mail-{number}"


def upload(number: int, token: str) -> str:
    from tests.pkgindex.uploader import Uploader
    from tests.pkgindex.wheels import wheel_name

    version = f"1.{number}"
    said = Uploader(token).wheel("hare", version)
    assert said.status == 200, said
    return f"upload {wheel_name('hare', version)}"


def revoke(credential_id: int) -> str:
    from django.utils import timezone

    from licenses.credentials import revoke_credential

    assert revoke_credential(credential_id, at=timezone.now())
    return f"revocation {credential_id}"


if __name__ == "__main__":
    import django

    django.setup()
    if sys.argv[1:] == ["--prepare"]:
        prepare()
    else:
        act(int(sys.argv[1]))
