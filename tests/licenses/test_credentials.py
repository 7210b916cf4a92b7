from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from lib.tokens import TokenKind, digest_of, hint_of, mint_token
from licenses.credentials import (
    MAX_PER_CUSTOMER,
    TooManyCredentials,
    adopt_credential,
    create_credential,
    create_lease_credential,
    find_credential,
    find_lease_credential,
    note_use,
    revoke_credential,
)
from licenses.models import Credential, Customer
from tests.licenses.at_once import at_once
from tests.make import make_customer, make_license

pytestmark = pytest.mark.django_db
AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def fill(customer: Customer, number: int) -> list[Credential]:
    return [create_credential(customer.pk, name=f"k{n}", at=AT)[0] for n in range(number)]


def test_a_new_credential_is_found_by_its_secret_and_stored_without_it():
    credential, token = create_credential(make_customer().pk, name="ci", at=AT)

    row = Credential.objects.values().get()
    assert find_credential(token, AT) == credential
    assert (row["digest"], row["hint"]) == (digest_of(token), token[-4:])
    assert token not in str(row)


def test_a_secret_nobody_made_is_not_found():
    assert find_credential(mint_token(TokenKind.INDEX), AT) is None


def test_a_typo_or_another_kind_of_secret_asks_the_database_nothing(
    django_assert_num_queries: DjangoAssertNumQueries,
):
    _, token = create_credential(make_customer().pk, name="ci", at=AT)
    typo = token[:-8] + ("x" if token[-8] != "x" else "y") + token[-7:]

    with django_assert_num_queries(0):
        assert find_credential(typo, AT) is None
        assert find_credential(mint_token(TokenKind.LEASE), AT) is None
        assert find_credential("", AT) is None


def test_a_lease_credential_does_not_open_the_index_nor_the_other_way_round():
    license = make_license()
    lease, lease_key = create_lease_credential(license.pk, name="prod", at=AT)
    index, index_key = create_credential(license.customer_id, name="ci", at=AT)

    assert find_credential(lease_key, AT) is find_lease_credential(index_key, AT) is None
    assert find_credential(index_key, AT) == index
    assert find_lease_credential(lease_key, AT) == lease


def test_a_credential_ends_exactly_when_it_expires():
    credential, token = create_credential(make_customer().pk, name="ci", at=AT)
    Credential.objects.filter(pk=credential.pk).update(expires_at=AT + timedelta(hours=1))

    assert find_credential(token, AT + timedelta(hours=1) - MOMENT) == credential
    assert find_credential(token, AT + timedelta(hours=1)) is None


def test_a_revoked_credential_is_refused_and_the_first_moment_stands():
    credential, token = create_credential(make_customer().pk, name="ci", at=AT)

    revoke_credential(credential.pk, at=AT)
    revoke_credential(credential.pk, at=AT + timedelta(days=1))

    credential.refresh_from_db()
    assert find_credential(token, AT + timedelta(days=2)) is None
    assert credential.revoked_at == AT


def test_revoking_one_of_twenty_leaves_the_other_nineteen():
    customer = make_customer()
    tokens = [create_credential(customer.pk, name="x", at=AT)[1] for _ in range(MAX_PER_CUSTOMER)]
    revoked = find_credential(tokens[0], AT)
    assert revoked is not None

    revoke_credential(revoked.pk, at=AT)

    assert [find_credential(token, AT) is not None for token in tokens] == [False] + [True] * 19


def test_a_customer_has_at_most_twenty_usable_credentials():
    customer, other = make_customer(), make_customer()
    first, second, *_ = fill(customer, MAX_PER_CUSTOMER)

    with pytest.raises(TooManyCredentials):
        create_credential(customer.pk, name="one more", at=AT)

    revoke_credential(first.pk, at=AT)
    fill(customer, 1)
    Credential.objects.filter(pk=second.pk).update(expires_at=AT)
    fill(customer, 1)
    fill(other, 1)
    with pytest.raises(TooManyCredentials):
        fill(customer, 1)


@pytest.mark.django_db(transaction=True)
def test_the_last_free_place_is_taken_once_by_four_at_once():
    customer = make_customer()
    fill(customer, MAX_PER_CUSTOMER - 1)

    results = at_once(4, lambda: create_credential(customer.pk, name="last", at=AT)[0])

    assert sum(isinstance(result, Credential) for result in results) == 1
    assert sum(isinstance(result, TooManyCredentials) for result in results) == 3
    assert customer.credentials.count() == MAX_PER_CUSTOMER


def test_a_credential_minted_elsewhere_is_adopted_once():
    customer, token = make_customer(), mint_token(TokenKind.INDEX)

    def adopt(name: str) -> Credential:
        return adopt_credential(
            customer_id=customer.pk, digest=digest_of(token), hint=hint_of(token), name=name, at=AT
        )

    first, again = adopt("first key"), adopt("told twice")

    assert first.pk == again.pk
    assert again.name == "first key"
    assert find_credential(token, AT) == first


def test_a_revoked_credential_told_again_stays_revoked():
    customer, token = make_customer(), mint_token(TokenKind.INDEX)
    facts = {"customer_id": customer.pk, "digest": digest_of(token), "hint": hint_of(token)}
    revoke_credential(adopt_credential(**facts, name="first key", at=AT).pk, at=AT)

    adopt_credential(**facts, name="first key", at=AT)

    assert find_credential(token, AT) is None


def test_use_is_noted_at_most_once_in_five_minutes(
    django_assert_num_queries: DjangoAssertNumQueries,
):
    credential, token = create_credential(make_customer().pk, name="ci", at=AT)

    note_use(credential, client="pip/26.3", at=AT)
    for minute in range(5):
        found = find_credential(token, AT)
        assert found is not None
        with django_assert_num_queries(0):
            note_use(found, client="uv/0.13", at=AT + timedelta(minutes=minute))
    credential.refresh_from_db()
    noted = (credential.last_used_at, credential.last_client)
    note_use(credential, client="uv/0.13" * 20, at=AT + timedelta(minutes=5))

    credential.refresh_from_db()
    assert noted == (AT, "pip/26.3")
    assert credential.last_used_at == AT + timedelta(minutes=5)
    assert len(credential.last_client) == 80
