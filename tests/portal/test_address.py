"""Another address to sign in with: proven by a code, and undone within 72 hours."""

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.utils import timezone

from licenses.models import Contact, EmailChange, User
from outbox.mail import deliver_due_mail
from tests.make import make_customer

pytestmark = pytest.mark.django_db
OLD, NEW = "old@company.example", "new@company.example"
CODE = re.compile(r"^[A-Z0-9]{4}-[A-Z0-9]{4}$", re.MULTILINE)


@pytest.fixture
def client() -> Client:
    make_customer(OLD)
    return signed_in(OLD)


def signed_in(email: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(email=email))
    return client


def ask(client: Client, email: str = NEW) -> str:
    """Ask for the change; the code that was mailed."""
    mail.outbox.clear()
    client.post("/account/address/", {"email": email})
    return CODE.findall(mail.outbox[-1].body)[0] if mail.outbox else ""


def confirm(client: Client, code: str) -> None:
    client.post("/account/address/confirm/", {"code": code})


def undo_path() -> str:
    """The link in the old mailbox."""
    mail.outbox.clear()
    deliver_due_mail(timezone.now())
    [warning] = [one for one in mail.outbox if one.to == [OLD]]
    found = re.search(r"http://testserver(/account/address/undo/\S+)", warning.body)
    assert found
    return found[1]


def addresses() -> tuple[str, str]:
    """Of the user and of his contact."""
    return User.objects.get().email, Contact.objects.get().email


def test_the_new_address_signs_in_once_its_code_was_typed(client: Client):
    code = ask(client, " New@Company.example ")
    assert mail.outbox[-1].to == [NEW]
    assert addresses() == (OLD, OLD)

    confirm(client, code.lower().replace("-", " "))

    assert addresses() == (NEW, NEW)
    assert NEW in client.get("/account/").content.decode()
    mail.outbox.clear()
    Client().post("/account/login/code/", {"email": OLD})
    assert mail.outbox == []
    Client().post("/account/login/code/", {"email": NEW})
    assert mail.outbox[-1].to == [NEW]


def test_rows_of_the_sign_in_library_do_not_keep_the_old_address_alive(client: Client):
    EmailAddress.objects.create(user=User.objects.get(), email=OLD, verified=True, primary=True)

    confirm(client, ask(client))

    mail.outbox.clear()
    Client().post("/account/login/code/", {"email": OLD})
    assert mail.outbox == []


def test_a_wrong_code_changes_nothing_and_five_are_all(client: Client):
    code = ask(client)
    for _ in range(5):
        confirm(client, "AAAA-AAAA")

    confirm(client, code)

    assert addresses() == (OLD, OLD)


def test_a_code_ends_after_fifteen_minutes(client: Client, time_machine):
    code = ask(client)
    time_machine.move_to(timezone.now() + timedelta(minutes=16))

    confirm(client, code)

    assert addresses() == (OLD, OLD)


def test_another_persons_address_is_not_taken(client: Client):
    make_customer("other@company.example")

    confirm(client, ask(client, "other@company.example"))

    assert User.objects.filter(email=OLD).exists()
    assert EmailChange.objects.count() == 0


def test_an_hour_has_five_codes(client: Client):
    codes = [ask(client) for _ in range(6)]

    assert all(codes[:5])
    assert codes[5] == ""


def test_the_old_address_takes_it_back_and_signs_everybody_out(client: Client):
    confirm(client, ask(client))
    path = undo_path()

    for _ in range(2):  # a scanner that follows links
        assert Client().get(path).status_code == 200
    assert addresses() == (NEW, NEW)
    Client().post(path)

    assert addresses() == (OLD, OLD)
    assert client.get("/account/").status_code == 302
    assert Client().post(path).status_code == 410  # once


def test_after_72_hours_it_stays(client: Client, time_machine):
    confirm(client, ask(client))
    path = undo_path()
    time_machine.move_to(timezone.now() + timedelta(hours=72, seconds=1))

    assert Client().post(path).status_code == 410
    assert addresses() == (NEW, NEW)


def test_a_thief_who_moved_on_loses_that_address_too(client: Client):
    confirm(client, ask(client))
    path = undo_path()
    confirm(client, ask(client, "third@else.example"))
    mail.outbox.clear()
    deliver_due_mail(timezone.now())
    [theirs] = re.findall(r"(/account/address/undo/\S+)", "".join(m.body for m in mail.outbox))

    Client().post(path)

    assert addresses() == (OLD, OLD)
    assert Client().post(theirs).status_code == 410
    assert addresses() == (OLD, OLD)


def test_a_forged_link_is_none(client: Client):
    confirm(client, ask(client))

    assert Client().post("/account/address/undo/1:forged/").status_code == 410


def test_the_shops_owner_keeps_his_address():
    User.objects.create_superuser("owner@shop.example")

    assert ask(signed_in("owner@shop.example")) == ""
