"""What is wrong with a key: told to the account's people, and to nobody else."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from licenses.credentials import revoke_credential, rotate_credential
from licenses.models import Contact, Credential, Customer, Diagnosis
from licenses.people import add_contact
from licenses.status import lapse_license
from outbox.mail import deliver_due_mail
from portal.diagnosing import MOST_WAITING, answer_diagnoses
from tests.make import make_credential, make_customer, make_license

pytestmark = pytest.mark.django_db
OWNER = "dev@company.example"


@pytest.fixture
def customer() -> Customer:
    customer = make_customer(OWNER)
    add_contact(customer.pk, email="ops@company.example", role=Contact.Role.TECHNICAL)
    return customer


@pytest.fixture
def key(customer: Customer) -> tuple[Credential, str]:
    return make_credential(customer)


def ask(**form: str) -> str:
    """What the page says."""
    return Client().post("/diagnose/", form).content.decode()


def answers() -> list[mail.EmailMessage]:
    """What the worker mails."""
    mail.outbox.clear()
    answer_diagnoses(timezone.now())
    deliver_due_mail(timezone.now())
    return mail.outbox


def test_the_people_of_the_account_hear_what_is_wrong(customer: Customer, key):
    revoke_credential(key[0].pk, at=timezone.now(), reason="leaked")
    license = make_license(customer=customer)
    lapse_license(license.pk, at=timezone.now(), reason="test")

    ask(key=key[1])

    [answer] = answers()
    assert sorted(answer.to) == [OWNER, "ops@company.example"]
    assert "was revoked on" in answer.body
    assert "leaked" in answer.body
    assert "Hare Pro has ended" in answer.body
    assert key[1] not in answer.body


def test_a_rotated_key_names_its_successor(key):
    new, _ = rotate_credential(key[0].pk, at=timezone.now(), overlap=timedelta(0))

    ask(key=key[1])

    assert f"use its successor (...{new.hint})" in answers()[0].body


def test_a_good_key_is_said_to_be_good(key):
    ask(key=f" {key[1]} ")

    assert "The key itself is good." in answers()[0].body


def test_four_characters_and_a_colleagues_address_are_enough(key):
    ask(key=f"…{key[0].hint}", email="somebody@company.example")

    assert len(answers()) == 1


@pytest.mark.parametrize(
    "form",
    [
        {"key": "{hint}", "email": "x@else.example"},
        {"key": "zzzz", "email": OWNER},
        {"key": "wb_ix_000000000000000000000000000000000000"},
        {"email": "x@else.example"},
    ],
)
def test_nobody_else_hears_anything_and_the_page_is_the_same(key, form: dict[str, str]):
    form = {name: text.format(hint=key[0].hint) for name, text in form.items()}

    said = ask(**form)

    assert answers() == []
    assert _without_form(said) == _without_form(ask(key=key[1]))


def _without_form(page: str) -> str:
    return page[: page.index("<form method")]


def test_the_page_does_the_same_work_for_a_key_that_exists(key, django_assert_num_queries):
    with django_assert_num_queries(2):
        ask(key=key[1])
    with django_assert_num_queries(2):
        ask(key="wb_ix_000000000000000000000000000000000000")


def test_no_key_is_written_down(key):
    ask(key=key[1])

    [row] = Diagnosis.objects.values_list("digest", "hint", "email")
    assert key[1] not in str(row)


def test_a_key_is_told_about_once_a_day(key):
    for _ in range(3):
        ask(key=key[1])
    assert len(answers()) == 1

    ask(key=key[1])
    assert answers() == []
    assert Diagnosis.objects.count() == 0


def test_a_colleague_who_looks_for_the_account_is_named_to_its_people(customer: Customer):
    ask(email="new@company.example")

    [answer] = answers()
    assert "new@company.example looks for the account" in answer.subject
    assert sorted(answer.to) == [OWNER, "ops@company.example"]


def test_a_freemail_domain_makes_nobody_a_colleague():
    make_customer("somebody@gmail.com")

    ask(email="other@gmail.com")
    assert answers() == []

    ask(email="somebody@gmail.com")
    assert len(answers()) == 1


@pytest.mark.parametrize("form", [{}, {"key": "abcd"}, {"email": "nonsense"}])
def test_too_little_is_said_beside_the_form(form: dict[str, str]):
    assert Client().post("/diagnose/", form).status_code == 422
    assert Diagnosis.objects.count() == 0


def test_a_flood_is_not_written_down(key):
    at = timezone.now()
    Diagnosis.objects.bulk_create(
        Diagnosis(hint="abcd", asked_at=at, due_at=at) for _ in range(MOST_WAITING)
    )

    ask(key=key[1])

    assert Diagnosis.objects.count() == MOST_WAITING
