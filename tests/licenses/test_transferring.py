"""A license changes hands: once, with the keys that lease its threads, and written down."""

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from billing.models import Subscription
from licenses.closing import close_customer
from licenses.credentials import create_lease_credential, find_lease_credential
from licenses.entitlements import find_holder
from licenses.issuing import LicenseRevoked
from licenses.models import Customer, License, LicenseEvent
from licenses.status import revoke_license
from licenses.transferring import transfer_license
from tests.flows.changing import subscribed
from tests.licenses.leasing import limited
from tests.make import make_credential, make_customer, make_license
from tests.shop import Shop

pytestmark = pytest.mark.django_db


def test_a_transferred_license_opens_for_the_new_holder_and_no_more_for_the_old():
    license = make_license()
    buyer, now = make_customer(), timezone.now()
    _, old = make_credential(license.customer)
    _, new = make_credential(buyer)

    for _ in range(2):
        moved = transfer_license(license.pk, to_customer_id=buyer.pk, at=now, reason="bought")

    rights = [find_holder(token, now).rights for token in (old, new)]  # type: ignore[union-attr]
    assert [len(held) for held in rights] == [0, 1]
    assert (moved.customer_id, moved.rev) == (buyer.pk, license.rev + 1)
    event = LicenseEvent.objects.get(name="transferred")
    assert event.reason == f"from customer {license.customer_id} to {buyer.pk}; bought"


def test_its_processes_go_on_leasing_with_their_keys():
    license, buyer, now = limited(100), make_customer(), timezone.now()
    _, token = create_lease_credential(license.pk, name="production", at=now)

    transfer_license(license.pk, to_customer_id=buyer.pk, at=now)

    found = find_lease_credential(token, now)
    assert found is not None
    assert found.customer_id == found.license.customer_id == buyer.pk  # type: ignore[union-attr]


def test_a_revoked_license_goes_nowhere():
    license = make_license()
    revoke_license(license.pk, at=timezone.now(), reason="abuse")

    with pytest.raises(LicenseRevoked):
        transfer_license(license.pk, to_customer_id=make_customer().pk, at=timezone.now())
    with pytest.raises(CommandError, match="was revoked"):
        call_command("transfer_license", license.pk, make_customer().pk)


def test_nothing_goes_to_an_account_that_was_closed():
    license, gone = make_license(), make_customer()
    close_customer(gone.pk, at=timezone.now())

    with pytest.raises(Customer.DoesNotExist):
        transfer_license(license.pk, to_customer_id=gone.pk, at=timezone.now())
    with pytest.raises(CommandError, match=f"no customer {gone.pk} whose account is open"):
        call_command("transfer_license", license.pk, gone.pk)

    assert License.objects.get().customer_id == license.customer_id


def test_the_command_says_who_holds_it_now(capsys: pytest.CaptureFixture[str]):
    license, buyer = make_license(source="owner:gift-7"), make_customer()

    call_command("transfer_license", license.pk, buyer.pk, reason="sold the team")

    assert f"(owner:gift-7) is held by {buyer}." in capsys.readouterr().out
    with pytest.raises(CommandError, match="no license"):
        call_command("transfer_license", 999_999, buyer.pk)
    with pytest.raises(CommandError, match="no customer"):
        call_command("transfer_license", license.pk, 999_999)


def test_what_is_paid_for_goes_with_its_account(shop: Shop):
    subscription: Subscription = subscribed(shop, "pro_monthly")
    license = License.objects.get()

    with pytest.raises(CommandError, match=subscription.stripe_id):
        call_command("transfer_license", license.pk, make_customer().pk)

    assert License.objects.get().customer_id == license.customer_id
