import pytest

from licenses.models import Contact, Customer, User
from licenses.people import add_contact, add_customer, addresses_of
from tests.make import make_customer, make_license

pytestmark = pytest.mark.django_db
Role = Contact.Role


def test_a_customer_comes_with_its_owner_who_has_no_password():
    customer = add_customer(name="Acme", email=" Ada@Example.com ")

    contact = customer.contacts.get()
    assert (contact.email, contact.role) == ("ada@example.com", Role.OWNER)
    assert contact.user is not None
    assert contact.user.email == "ada@example.com"
    assert not contact.user.has_usable_password()
    assert not contact.user.is_staff


def test_a_customer_may_have_no_contact_at_all():
    assert add_customer(name="Acme").contacts.count() == 0


def test_a_stranger_is_never_joined_to_a_customer_by_an_address():
    known = make_customer("ada@example.com")
    make_license(customer=known)

    stranger = add_customer(name="Mallory", email="ada@example.com")

    assert stranger.pk != known.pk
    assert stranger.licenses.count() == 0
    assert known.contacts.count() == 1
    assert known.name != "Mallory"


def test_who_proves_an_address_sees_every_customer_that_named_it():
    first, second = make_customer("ada@example.com"), make_customer("ADA@example.com")
    make_customer("bob@example.com")

    ada = User.objects.get(email="ada@example.com")

    assert set(Customer.objects.of_user(ada)) == {first, second}


def test_a_contact_added_twice_is_one_and_keeps_its_first_role():
    customer = make_customer("ada@example.com")

    first = add_contact(customer.pk, email="bob@example.com", role=Role.BILLING)
    again = add_contact(customer.pk, email="BOB@example.com", role=Role.OWNER)

    assert first.pk == again.pk
    assert again.role == Role.BILLING
    assert User.objects.filter(email="bob@example.com").count() == 1


def test_a_new_contact_leaves_an_existing_user_as_he_is():
    owner = User.objects.create_superuser("owner@example.com", "a long password of his")

    add_customer(email="owner@example.com")

    owner.refresh_from_db()
    assert owner.is_staff
    assert owner.check_password("a long password of his")


def test_mail_goes_to_the_owners_or_to_everybody_where_there_is_none():
    customer = make_customer("ada@example.com")
    add_contact(customer.pk, email="bob@example.com", role=Role.BILLING)
    ownerless = add_customer()
    add_contact(ownerless.pk, email="cy@example.com", role=Role.TECHNICAL)

    assert addresses_of(customer.pk) == ["ada@example.com"]
    assert addresses_of(ownerless.pk) == ["cy@example.com"]
