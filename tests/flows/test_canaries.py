"""Twelve planted secrets, and every place where they must not turn up."""

import logging
import re
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as live_settings
from django.contrib import admin
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from licenses.models import User
from pkgindex.upload_tokens import create_upload_token
from tests.flows.browserless import Visitor
from tests.flows.owners import make_owner, session_of
from tests.shop import Buyer, Shop

PASSWORD = "correct-horse-canary-staple"


@pytest.fixture
def owner_session(db: None) -> str:
    owner = make_owner("owner@shop.example")
    owner.set_password(PASSWORD)
    owner.save()
    return session_of(owner, mfa=True)


@pytest.fixture
def log_output() -> Iterator[StringIO]:
    """What the application's own log handler writes, filters and all."""
    console = next(h for h in logging.getLogger().handlers if h.name == "console")
    assert isinstance(console, logging.StreamHandler)
    written = StringIO()
    before = console.setStream(written)
    yield written
    console.setStream(before)


@pytest.fixture
def canaries(shop: Shop, root_key: Path, owner_session: str) -> dict[str, str]:
    """A whole story was played; the secrets that were used in it."""
    buyer = Buyer(shop)
    page = buyer.buy("pro_monthly").content.decode()
    shop.settle()
    key = re.findall(r"wb_ix_\w{36}", page)[0]
    _, upload_token = create_upload_token("canary", at=timezone.now())
    sign_in(buyer.client)
    shop.work()
    code = re.findall(r"^([A-Z0-9]{3,4}-[A-Z0-9]{3,4})$", mail.outbox[-1].body, re.MULTILINE)
    made = buyer.client.post("/account/keys/", {"customer": 1, "name": "ci"}).content.decode()
    cookies = {name: morsel.value for name, morsel in buyer.client.cookies.items()}
    return {
        "Stripe's key": live_settings.STRIPE_SECRET_KEY,
        "webhook secret": live_settings.STRIPE_WEBHOOK_SECRETS[0],
        "SECRET_KEY": live_settings.SECRET_KEY,
        "first key": key,
        "second key": (re.findall(r"wb_ix_\w{36}", made) or [key])[0],
        "upload token": upload_token,
        "signing key": root_key.read_text().splitlines()[1],
        "cart cookie": next(value for name, value in cookies.items() if name.startswith("cart_")),
        "owner's session": owner_session,
        "owner's password": PASSWORD,
        "owner's password hash": User.objects.get(email="owner@shop.example").password,
        "sign-in code": code[0],
    }


def sign_in(client: Client) -> None:
    client.post("/account/login/code/", {"email": "dev@company.example"})


def found_in(text: str, canaries: dict[str, str], *, but: tuple[str, ...] = ()) -> list[str]:
    return [name for name, value in canaries.items() if value in text and name not in but]


def test_no_mail_holds_a_secret_but_the_sign_in_code_it_is_about(canaries: dict[str, str]):
    mails = [f"{sent.subject}\n{sent.body}\n{sent.extra_headers}" for sent in mail.outbox]

    assert len(mails) >= 2
    assert [found_in(text, canaries, but=("sign-in code",)) for text in mails] == [[]] * len(mails)


def test_no_page_of_the_admin_shows_a_secret(canaries: dict[str, str], owner_session: str):
    owner = Visitor(session=owner_session)
    seen = 0

    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        paths = [reverse(f"admin:{name}_changelist")]
        paths += [reverse(f"admin:{name}_change", args=[row.pk]) for row in model.objects.all()[:5]]
        for path in paths:
            reply = owner.ask("GET", path)
            assert reply.status == 200, path
            assert found_in(reply.body.decode(), canaries) == [], path
            seen += 1

    assert seen > 30


def test_no_table_holds_a_secret_in_clear(canaries: dict[str, str]):
    allowed = ("owner's session", "owner's password hash")  # Django's own, and a hash

    for model in apps.get_models():
        for row in model._default_manager.values():
            assert found_in(str(row), canaries, but=allowed) == [], model


def test_a_page_that_breaks_shows_no_secret_and_the_log_has_none(
    canaries: dict[str, str], log_output: StringIO
):
    """Every secret stands in the error's text, as it might in a driver's or a library's."""

    def broken(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        raise RuntimeError(f"cannot run {sql[:20]} with {list(canaries.values())[:6]}")

    with connection.execute_wrapper(broken):
        response = Client(raise_request_exception=False).get("/pricing/")

    logged = log_output.getvalue()
    assert response.status_code == 500
    assert found_in(response.content.decode(), canaries) == []
    assert "RuntimeError" in logged
    assert found_in(logged, canaries) == []


def test_the_whole_story_leaves_no_secret_in_the_log(
    shop: Shop, root_key: Path, log_output: StringIO
):
    buyer = Buyer(shop)
    page = buyer.buy("pro_monthly").content.decode()
    shop.settle()
    key = re.findall(r"wb_ix_\w{36}", page)[0]
    Visitor(key=key).ask("GET", "/simple/")
    Visitor(key=key[:-1] + "x").ask("GET", f"/simple/{key}/")
    Client().post("/stripe/webhook/", b"{}", content_type="application/json")

    logged = log_output.getvalue()
    secrets = {
        "key": key,
        "stripe": live_settings.STRIPE_SECRET_KEY,
        "webhook": live_settings.STRIPE_WEBHOOK_SECRETS[0],
    }
    assert "webhook refused" in logged
    assert found_in(logged, secrets) == []
