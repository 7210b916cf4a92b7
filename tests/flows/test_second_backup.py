"""Stripe as second backup: what its metadata holds brings every paying customer back."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from billing.models import SecondBackup, StripeCustomer
from billing.packing import MAX_VALUES, BackupDamaged, TooMuchToPack, pack, unpack
from billing.second_backup import Restorable, read_backup
from lib.tokens import TokenKind, digest_of, hint_of, mint_token
from licenses.credentials import adopt_credential, revoke_credential
from licenses.models import Credential, Customer, License
from licenses.status import revoke_license
from outbox.claims import LEASE
from tests.cards import OTHER_GOOD
from tests.flows.books import pages
from tests.flows.crashing import crashes_in_turn
from tests.make import make_credential, make_license
from tests.shop import Buyer, Shop


def metadata(shop: Shop) -> dict[str, str]:
    stripe_id = StripeCustomer.objects.get().stripe_id
    found: dict[str, str] = shop.ask_stripe("GET", f"/v1/customers/{stripe_id}")["metadata"]
    return found


def writes(shop: Shop) -> int:
    told = pages(shop, "/v1/events?type=customer.updated")
    return sum("metadata" in event["data"]["previous_attributes"] for event in told)


def bought(shop: Shop, **options: Any) -> Customer:
    Buyer(shop).buy("pro_monthly", **options)
    shop.settle()
    return StripeCustomer.objects.get().customer


def add_credentials(customer: Customer, number: int) -> None:
    for n in range(number):
        token = mint_token(TokenKind.INDEX)
        adopt_credential(
            customer_id=customer.pk,
            digest=digest_of(token),
            hint=hint_of(token),
            name=f"machine {n}",
            at=timezone.now(),
        )


def is_the_whole_truth(found: Restorable) -> None:
    """What the metadata brings back is what our rows say."""
    ours = {row.pk: row for row in License.objects.select_related("tier__product")}
    assert len(found.licenses) == len(ours)
    for one in found.licenses:
        row = ours[one.license_id]
        assert one.tier == f"{row.tier.product.slug}/{row.tier.slug}"
        for name in ("source", "kind", "status", "threads", "rev"):
            assert getattr(one, name) == getattr(row, name)
        assert abs(one.paid_through - row.paid_through) < timedelta(seconds=1)
        assert abs(one.updates_until - row.updates_until) < timedelta(seconds=1)
    usable = Credential.objects.usable(timezone.now())
    assert {(one.kind, one.digest, one.hint) for one in found.credentials} == set(
        usable.values_list("kind", "digest", "hint")
    )


def test_a_purchase_stands_in_stripes_metadata_and_reads_back_as_it_was(shop: Shop):
    bought(shop)

    is_the_whole_truth(read_backup(metadata(shop)))
    assert writes(shop) == 1


def test_it_follows_every_change_and_writes_nothing_without_one(shop: Shop):
    customer = bought(shop)
    License.objects.get()
    first = metadata(shop)

    shop.work()
    shop.settle()
    assert writes(shop) == 1
    make_credential(customer)
    shop.work()
    revoke_credential(Credential.objects.earliest("pk").pk, at=timezone.now())
    shop.work()
    revoke_license(License.objects.get().pk, at=timezone.now(), reason="abuse")
    shop.work()

    assert writes(shop) == 4
    assert metadata(shop) != first
    assert read_backup(metadata(shop)).licenses[0].status == "revoked"
    is_the_whole_truth(read_backup(metadata(shop)))


def test_more_than_forty_credentials_and_a_gift_fit_and_shrink_again(shop: Shop):
    customer = bought(shop)
    make_license(customer=customer, threads=300, source="owner:a gift, from us")
    add_credentials(customer, 60)
    Credential.objects.filter(name="machine 7").update(
        expires_at=timezone.now() + timedelta(days=7)
    )
    shop.work()

    many = metadata(shop)
    assert len(many) > 5
    assert all(len(key) <= 40 and len(value) <= 500 for key, value in many.items())
    is_the_whole_truth(read_backup(many))
    assert sum(one.expires_at is not None for one in read_backup(many).credentials) == 1

    for credential in Credential.objects.exclude(name="first key"):
        revoke_credential(credential.pk, at=timezone.now())
    shop.work()

    assert len(metadata(shop)) < len(many)
    is_the_whole_truth(read_backup(metadata(shop)))


def test_the_owners_own_metadata_stays(shop: Shop):
    customer = bought(shop)
    stripe_id = StripeCustomer.objects.get().stripe_id
    shop.ask_stripe("POST", f"/v1/customers/{stripe_id}", "metadata[note]=friend")
    make_credential(customer)
    shop.work()

    assert metadata(shop)["note"] == "friend"
    is_the_whole_truth(read_backup(metadata(shop)))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["500", "429", "reset"])
def test_a_stripe_that_fails_is_asked_again(shop: Shop, kind: str, when: str):
    customer = bought(shop)
    make_credential(customer)
    shop.fail_stripe("POST", "/v1/customers/", kind=kind, when=when, times=2)

    shop.work()
    assert SecondBackup.objects.get().last_error
    for _ in range(2):  # a 429 is not tried again at once
        shop.clock.move_to(timezone.now() + timedelta(minutes=1))
        shop.work()

    is_the_whole_truth(read_backup(metadata(shop)))
    assert SecondBackup.objects.get().due_at is None


@pytest.mark.django_db(transaction=True)
def test_a_crash_before_any_write_is_made_good_by_the_next_worker(shop: Shop):
    customer = bought(shop)
    make_credential(customer)

    def wait_for_the_lease() -> None:
        shop.clock.move_to(timezone.now() + LEASE + timedelta(seconds=1))

    crashes = crashes_in_turn(shop.work, wait_for_the_lease)

    assert crashes >= 3
    is_the_whole_truth(read_backup(metadata(shop)))


def test_what_changes_while_stripe_is_asked_is_written_too(shop: Shop):
    customer = bought(shop)
    make_credential(customer)
    has_changed = False

    def watch(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        nonlocal has_changed
        is_outcome = sql.startswith("UPDATE") and '"written_at"' in sql
        if is_outcome and not has_changed:  # Stripe has it, and our row does not yet
            has_changed = True
            make_credential(customer)  # somebody else, meanwhile
            shop.work()  # and another worker, who finds it in our hands
        return execute(sql, *rest)

    with connection.execute_wrapper(watch):
        shop.work()

    assert has_changed
    found = read_backup(metadata(shop))
    assert len(found.credentials) == 3  # the first, and two
    is_the_whole_truth(found)


def clear(shop: Shop, stripe_id: str) -> None:
    shop.ask_stripe("POST", f"/v1/customers/{stripe_id}", "metadata=")


def lose_a_part(shop: Shop, stripe_id: str) -> None:
    shop.ask_stripe("POST", f"/v1/customers/{stripe_id}", "metadata[wb_backup_0]=")


def add_a_left_over(shop: Shop, stripe_id: str) -> None:
    shop.ask_stripe("POST", f"/v1/customers/{stripe_id}", "metadata[wb_backup_9]=old")


@pytest.mark.parametrize("harm", [clear, lose_a_part, add_a_left_over])
def test_what_somebody_changed_at_stripe_is_found_in_the_night_and_written_anew(
    shop: Shop, harm: Callable[[Shop, str], None]
):
    bought(shop)
    stripe_id = StripeCustomer.objects.get().stripe_id
    before = metadata(shop)
    harm(shop, stripe_id)

    assert shop.night().drift == {stripe_id: "second backup"}

    assert metadata(shop) == before
    assert shop.night().drift == {}


def test_a_customer_deleted_at_stripe_is_let_go(shop: Shop):
    customer = bought(shop)
    shop.ask_stripe("DELETE", f"/v1/customers/{StripeCustomer.objects.get().stripe_id}")
    shop.settle()
    make_credential(customer)
    shop.work()

    row = SecondBackup.objects.get()
    assert row.due_at is None
    assert row.last_error.startswith("gone at Stripe")
    assert shop.night().drift == {}


def test_too_much_for_stripe_fails_alone(shop: Shop):
    customer = bought(shop)
    add_credentials(customer, MAX_VALUES * 10)
    Buyer(shop, email="other@company.example").buy("pro_monthly", card=OTHER_GOOD)
    shop.settle()

    assert SecondBackup.objects.get(customer__customer=customer).last_error.startswith("TooMuch")
    assert SecondBackup.objects.get(due_at=None).written


def test_damage_is_noticed():
    entries = [f"key:{n:048}" for n in range(40)]
    whole = pack(entries)

    assert unpack(whole) == entries
    assert unpack({}) == []
    assert unpack({"note": "of the owner"}) == []
    assert unpack({**whole, "wb_backup_40": "left over"}) == entries
    for key in whole.keys() - {"wb_backup"}:
        for broken in ("", whole[key][:-1]):
            with pytest.raises(BackupDamaged):
                unpack({**whole, key: broken})
    with pytest.raises(BackupDamaged, match="version"):
        unpack({"wb_backup": "9 1 abc"})


def test_more_than_fits_is_refused():
    with pytest.raises(TooMuchToPack):
        pack(f"key:{n:048}" for n in range(9 * MAX_VALUES + 1))
