"""A start with settings that cannot work ends with one clear sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCTION = {
    "SECRET_KEY": "0123456789abcdefghij" * 3,
    "BASE_URL": "https://shop.example",
    "ANYMAIL_BACKEND": "postmark",
    "ANYMAIL_POSTMARK_SERVER_TOKEN": "t",
    "STRIPE_SECRET_KEY": "sk_live_1234567890",
    "STRIPE_WEBHOOK_SECRET": "whsec_1234567890",
    "LICENSE_ROOT_KEY_FILE": "/nowhere/root.pem",
    "TRUSTED_PROXIES": "1",
}


def manage(*arguments: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), **environment}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={name: value for name, value in env.items() if value},
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_settings_pass_every_deploy_check(tmp_path):
    done = manage(
        "check", "--deploy", "--fail-level", "WARNING", "--database", "default",
        tmp_path=tmp_path, **PRODUCTION,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr


def test_gunicorn_without_a_proxy_is_warned_of(tmp_path):
    alone = {**PRODUCTION, "TRUSTED_PROXIES": ""}

    done = manage("check", "--deploy", "--fail-level", "WARNING", tmp_path=tmp_path, **alone)

    assert done.returncode == 1
    assert "W110" in done.stderr
    assert "eight slow readers" in done.stderr


def test_mail_leaves_by_the_owners_own_server(tmp_path):
    own = {"ANYMAIL_BACKEND": "", "SMTP_URL": "smtp+starttls://shop:a%40b@mail.example"}
    show = "from django.core.mail import get_connection as c; x = c()"
    seen = "print(x.host, x.port, x.username, x.password, x.use_tls, x.use_ssl, x.timeout)"

    done = manage("shell", "-c", f"{show}; {seen}", tmp_path=tmp_path, **{**PRODUCTION, **own})

    assert done.stdout.strip().splitlines()[-1] == "mail.example 587 shop a@b True False 30"


def test_the_search_of_the_tracker_may_leave_the_page(tmp_path):
    seen = "from django.conf import settings as s; print(s.CONTENT_SECURITY_POLICY['DIRECTIVES'])"
    tracker = {"TRACKER_URL": "https://github.com/x/hare/issues"}

    done = manage("shell", "-c", seen, tmp_path=tmp_path, **{**PRODUCTION, **tracker})

    # A source with a path would allow that very path only.
    assert "'https://github.com']" in done.stdout


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY must be set in production"),
        ({"BASE_URL": ""}, "BASE_URL must be set in production"),
        ({"BASE_URL": "http://shop.example"}, "BASE_URL must begin with https://"),
        ({"BASE_URL": "shop.example"}, "BASE_URL must be a URL"),
        ({"ANYMAIL_BACKEND": ""}, "ANYMAIL_BACKEND must name your mail provider"),
        ({"SMTP_URL": "smtp://localhost"}, "by ANYMAIL_BACKEND or by SMTP_URL"),
        ({"ANYMAIL_BACKEND": "", "SMTP_URL": "localhost:25"}, "SMTP_URL must be like smtp+star"),
        ({"ANYMAIL_BACKEND": "", "SMTP_URL": "smtp://x:y"}, "SMTP_URL must be like smtp+star"),
        ({"STRIPE_API_BASE": "http://localhost:1"}, "STRIPE_API_BASE is only for DEBUG=1"),
        ({"DEMO": "1"}, "A live STRIPE_SECRET_KEY does not go with"),
        ({"DEBUG": "maybe"}, "DEBUG must be 1 or 0, not 'maybe'"),
        ({"INVOICE_MIN_YEARLY": "much"}, "INVOICE_MIN_YEARLY must be a whole number"),
        ({"TOKEN_PREFIX": "w b"}, "TOKEN_PREFIX must be 1 to 8 letters"),
        ({"ADMIN_PATH": "a/b"}, "ADMIN_PATH must be one word"),
        ({"DATABASE_URL": "mongo://x"}, "DATABASE_URL cannot be read"),
        ({"DATA_DIR": "/proc/nowhere"}, "DATA_DIR cannot be used as a folder"),
    ],
)
def test_a_value_that_cannot_work_stops_the_start(tmp_path, change, sentence):
    environment = {"tmp_path": tmp_path, **PRODUCTION, **change}

    done = manage("check", **environment) if "DATA_DIR" not in change else manage_with(change)

    assert done.returncode != 0
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def manage_with(change: dict[str, str]) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], **PRODUCTION, **change}
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("broken", ["STRIPE_WEBHOOK_SECRET"])
def test_a_webhook_secret_of_the_wrong_kind_is_an_error_with_an_id(tmp_path, broken):
    done = manage("check", tmp_path=tmp_path, **{**PRODUCTION, broken: "sk_live_oops"})

    assert done.returncode != 0
    assert "wheelbarrow.E007" in done.stderr
