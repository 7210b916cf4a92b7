"""Who may see an account, and how it changes hands."""

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from licenses.contacts import MAX_CONTACTS
from licenses.models import Contact, Customer, User
from licenses.people import add_contact
from outbox.mail import deliver_due_mail
from tests.make import make_customer

pytestmark = pytest.mark.django_db
Role = Contact.Role


@pytest.fixture
def customer() -> Customer:
    return make_customer("boss@company.example")


def signed_in(email: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(email=email))
    return client


@pytest.fixture
def boss(customer: Customer) -> Client:
    return signed_in("boss@company.example")


def roles() -> dict[str, str]:
    return dict(Contact.objects.values_list("email", "role"))


def act(client: Client, contact: Contact, name: str) -> int:
    path = f"/account/{contact.customer_id}/people/{contact.pk}/"
    return client.post(path, {"act": name}).status_code


def mails() -> list[tuple[str, str]]:
    """To whom and about what, since the last time."""
    mail.outbox.clear()
    deliver_due_mail(timezone.now())
    return [(one.to[0], one.subject) for one in mail.outbox]


def test_the_owner_adds_a_person_who_hears_of_it_and_signs_in(boss: Client, customer: Customer):
    form = {"email": "Ops@Company.example", "role": "technical"}

    boss.post(f"/account/{customer.pk}/people/", form)
    boss.post(f"/account/{customer.pk}/people/", form)  # told twice

    assert roles() == {"boss@company.example": "owner", "ops@company.example": "technical"}
    assert mails() == [("ops@company.example", f"You are a contact of {customer}")]
    assert str(customer) in signed_in("ops@company.example").get("/account/").content.decode()


def test_nobody_becomes_the_owner_by_being_added(boss: Client, customer: Customer):
    answer = boss.post(
        f"/account/{customer.pk}/people/", {"email": "x@company.example", "role": "owner"}
    )

    assert answer.status_code == 422
    assert len(roles()) == 1


def test_the_twenty_first_person_is_refused(boss: Client, customer: Customer):
    for number in range(MAX_CONTACTS - 1):
        add_contact(customer.pk, email=f"p{number}@company.example", role=Role.BILLING)

    page = boss.post(
        f"/account/{customer.pk}/people/",
        {"email": "one@more.example", "role": "billing"},
        follow=True,
    )

    assert "20 people" in page.content.decode()
    assert "one@more.example" not in roles()


def test_nobody_is_written_to_without_end(boss: Client, customer: Customer):
    for number in range(40):
        email = f"p{number}@else.example"
        boss.post(f"/account/{customer.pk}/people/", {"email": email, "role": "billing"})
        Contact.objects.filter(email=email).delete()

    assert len(mails()) == 30


def test_roles_change_and_people_go(boss: Client, customer: Customer):
    ops = add_contact(customer.pk, email="ops@company.example", role=Role.TECHNICAL)

    act(boss, ops, "billing")
    assert roles()["ops@company.example"] == "billing"

    act(boss, ops, "remove")
    assert act(boss, ops, "remove") == 404
    assert "ops@company.example" not in roles()
    assert (
        signed_in("ops@company.example").get(f"/account/{customer.pk}/people/").status_code == 404
    )


@pytest.mark.parametrize("name", ["remove", "billing", "technical"])
def test_the_only_owner_stays(boss: Client, customer: Customer, name: str):
    act(boss, customer.contacts.get(), name)

    assert roles() == {"boss@company.example": "owner"}


@pytest.mark.parametrize("name", ["remove", "billing", "offer", "accept", "nonsense"])
def test_who_is_not_the_owner_changes_nobody(customer: Customer, name: str):
    add_contact(customer.pk, email="ops@company.example", role=Role.TECHNICAL)
    before = roles()

    answer = act(signed_in("ops@company.example"), customer.contacts.first(), name)

    assert answer == 403
    assert roles() == before
    page = signed_in("ops@company.example").get(f"/account/{customer.pk}/people/")
    assert "Add a person" not in page.content.decode()


def test_ownership_is_offered_taken_and_both_sides_hear_of_each(boss: Client, customer: Customer):
    ops = add_contact(customer.pk, email="ops@company.example", role=Role.TECHNICAL)

    act(boss, ops, "offer")
    act(boss, ops, "offer")  # told twice
    assert roles()["ops@company.example"] == "technical"
    assert sorted(to for to, _ in mails()) == ["boss@company.example", "ops@company.example"]

    theirs = signed_in("ops@company.example")
    act(theirs, ops, "accept")
    act(theirs, ops, "accept")

    assert roles() == {"boss@company.example": "technical", "ops@company.example": "owner"}
    assert sorted(to for to, _ in mails()) == ["boss@company.example", "ops@company.example"]


@pytest.mark.parametrize("name", ["withdraw", "decline"])
def test_an_offer_can_be_taken_back_or_declined(boss: Client, customer: Customer, name: str):
    ops = add_contact(customer.pk, email="ops@company.example", role=Role.TECHNICAL)
    theirs = signed_in("ops@company.example")
    act(boss, ops, "offer")

    act(boss if name == "withdraw" else theirs, ops, name)
    act(theirs, ops, "accept")

    assert roles()["boss@company.example"] == "owner"


def test_the_owner_cannot_accept_for_somebody_else(boss: Client, customer: Customer):
    ops = add_contact(customer.pk, email="ops@company.example", role=Role.TECHNICAL)
    act(boss, ops, "offer")

    assert act(boss, ops, "accept") == 403
    assert roles()["ops@company.example"] == "technical"


def test_a_person_of_another_customer_is_not_there(boss: Client, customer: Customer):
    other = make_customer().contacts.get()
    path = f"/account/{customer.pk}/people/{other.pk}/"

    assert boss.post(path, {"act": "remove"}).status_code == 404
    assert Contact.objects.filter(pk=other.pk).exists()
