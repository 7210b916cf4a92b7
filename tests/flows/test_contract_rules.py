"""Who may make a contract by invoice, how large it must be, and what it excludes."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from billing.changes import NoSuchChange, plan_change
from billing.contracts import ContractRefused
from billing.guarantee import NoGuarantee, refundable_until
from billing.models import InvoiceContract, OwnerNotice, Payment, Price, Subscription
from licenses.models import Customer, License, User
from outbox.claims import LEASE, MAX_ATTEMPTS
from portal.management.commands.work import work_once
from tests.flows.at_stripe import pay_a_second_page, signed_in_buyer
from tests.flows.books import books_agree
from tests.flows.contracts import agree, pay, remote
from tests.flows.crashing import crashes_in_turn
from tests.make import make_customer
from tests.shop import Buyer, Shop
from tests.standin.process import NotPaidError

ADD = "/owner/billing/invoicecontract/add/"


@pytest.fixture
def owner(settings: Any) -> Client:
    settings.OWNER_NEEDS_SECOND_FACTOR = False
    client = Client()
    client.force_login(User.objects.create_superuser("owner@shop.example", "owner's password"))
    return client


def test_there_is_no_guarantee_for_it(shop: Shop):
    agree()
    shop.settle()
    shop.advance(hours=2)
    shop.settle()
    pay(shop)
    subscription = Subscription.objects.get()
    client = Client()
    client.force_login(User.objects.get(email="boss@big.example"))

    with pytest.raises(NoGuarantee, match="paid by invoice"):
        refundable_until(subscription)

    assert Payment.objects.get().billing_reason == "subscription_create"
    assert "Get your money back" not in client.get("/account/").content.decode()
    assert client.post(f"/account/subscriptions/{subscription.pk}/refund/").status_code == 409


@pytest.mark.parametrize(
    ("lookup_key", "quantity", "why"),
    [
        ("pro_yearly", 1, r"1 x Hare Pro comes to \$995 a year; invoices begin at \$10,000"),
        ("enterprise_monthly", 3, r"comes to \$9,684 a year"),
        ("enterprise_yearly", 3, r"comes to \$8,070 a year"),
    ],
)
def test_below_the_threshold_it_is_refused_with_a_sentence(shop, lookup_key, quantity, why):
    with pytest.raises(ContractRefused, match=why):
        agree(lookup_key, quantity)

    assert not InvoiceContract.objects.exists()


def test_the_threshold_itself_is_enough_and_months_count_twelve_times(shop: Shop, settings: Any):
    settings.INVOICE_MIN_YEARLY = 269 * 4 * 12

    assert agree("enterprise_monthly", 4).pk


def test_a_customer_with_a_subscription_or_a_contract_gets_no_second(shop: Shop):
    Buyer(shop, email="dev@big.example").buy("pro_monthly")
    shop.settle()
    with pytest.raises(ContractRefused, match="has a subscription of Hare"):
        agree(customer=Subscription.objects.get().customer)

    contract = agree()
    with pytest.raises(ContractRefused, match="has a contract for Hare that waits"):
        agree(customer=contract.customer)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["500", "429", "reset"])
def test_a_stripe_that_fails_makes_one_subscription_all_the_same(shop: Shop, kind, when):
    agree()
    shop.fail_stripe("POST", "/v1/subscriptions", kind=kind, when=when, times=2)

    for _ in range(4):
        shop.settle()
        shop.clock.move_to(timezone.now() + timedelta(minutes=2))
    shop.settle()

    assert shop.stripe_counts()["subscription"] == 1
    assert InvoiceContract.objects.get().subscription is not None


def test_one_that_was_made_but_not_told_is_found_after_stripe_forgot_the_key(shop: Shop):
    contract = agree()
    shop.settle()
    InvoiceContract.objects.update(due_at=timezone.now(), subscription=None)

    shop.advance(days=3)
    shop.settle()

    assert shop.stripe_counts()["subscription"] == 1
    InvoiceContract.objects.update(due_at=timezone.now())
    shop.work()
    contract.refresh_from_db()
    assert contract.subscription == Subscription.objects.get()
    assert shop.stripe_counts()["subscription"] == 1


@pytest.mark.django_db(transaction=True)
def test_a_crash_before_any_write_makes_one_subscription_and_one_license(shop: Shop):
    agree(grant_on="signature", signed_at=timezone.now())

    def wait_for_the_lease() -> None:
        assert shop.stripe_counts().get("subscription", 0) <= 1
        shop.clock.move_to(timezone.now() + LEASE + timedelta(seconds=1))

    crashes = crashes_in_turn(shop.work, wait_for_the_lease)
    shop.settle()

    assert crashes >= 8
    assert shop.stripe_counts()["subscription"] == shop.stripe_counts()["customer"] == 1
    assert License.objects.count() == 1
    books_agree(shop)


def form(shop: Shop, quantity: int) -> dict[str, Any]:
    return {
        "customer": make_customer("boss@big.example").pk,
        "price": Price.objects.get(lookup_key="enterprise_yearly").pk,
        "quantity": quantity,
        "days_until_due": 30,
        "reference": "PO-1",
        "grant_on": "payment",
        "signed_at_0": "",
        "signed_at_1": "",
        "notes": "",
    }


def test_the_owner_makes_one_in_the_admin(shop: Shop, owner: Client):
    assert owner.get(ADD).status_code == 200

    assert owner.post(ADD, form(shop, 10)).status_code == 302
    again = owner.post(
        ADD, form(shop, 10) | {"customer": InvoiceContract.objects.get().customer_id}
    )
    shop.settle()

    assert again.status_code == 200
    assert "that waits to begin" in again.content.decode()
    contract = InvoiceContract.objects.get()
    assert contract.subscription is not None
    page = owner.get(f"/owner/billing/invoicecontract/{contract.pk}/change/")
    assert contract.subscription.stripe_id in page.content.decode()
    assert 'name="_save"' not in page.content.decode()


def test_the_admin_refuses_one_below_the_threshold(shop: Shop, owner: Client):
    page = owner.post(ADD, form(shop, 3))

    assert page.status_code == 200
    assert "comes to $8,070 a year; invoices begin at $10,000" in page.content.decode()
    assert not InvoiceContract.objects.exists()


def test_the_owner_signs_in_the_admin(shop: Shop, owner: Client):
    contract = agree(grant_on="signature")

    owner.post(
        "/owner/billing/invoicecontract/",
        {"action": "sign", "_selected_action": [contract.pk]},
    )
    shop.settle()

    assert License.objects.get().status == License.Status.ACTIVE


def test_nobody_else_can_make_one(shop: Shop):
    customer = make_customer("boss@big.example")
    buyer = Buyer(shop, email="boss@big.example")
    buyer.client.force_login(User.objects.get(email="boss@big.example"))

    answer = buyer.client.post(ADD, form(shop, 50) | {"customer": customer.pk})
    buyer.client.post(
        "/checkout/?collection_method=send_invoice",
        {"price": "enterprise_yearly", "quantity": 50, "collection_method": "send_invoice"},
    )
    buyer.buy("enterprise_yearly", quantity=50)
    shop.settle()

    assert answer.status_code == 302
    assert not InvoiceContract.objects.exists()
    assert remote(shop)["collection_method"] == "charge_automatically"


def test_metadata_that_names_another_customers_contract_links_nothing(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    contract = agree(grant_on="signature")
    stripe_id = Subscription.objects.get().stripe_id

    for name in (str(contract.public_id), "nonsense"):
        shop.ask_stripe("POST", f"/v1/subscriptions/{stripe_id}", f"metadata[contract]={name}")
        shop.settle()

    contract.refresh_from_db()
    assert contract.subscription is None


def test_the_customer_cannot_change_it_himself(shop: Shop):
    agree(grant_on="signature", signed_at=timezone.now())
    shop.settle()

    with pytest.raises(NoSuchChange, match="paid by invoice"):
        plan_change(
            Subscription.objects.get(),
            Price.objects.get(lookup_key="pro_yearly"),
            1,
            proration_at=int(timezone.now().timestamp()),
        )


def test_who_has_a_contract_that_is_not_paid_yet_buys_no_second_license_by_card(shop: Shop):
    agree()
    buyer = Buyer(shop)
    buyer.client.force_login(User.objects.get(email="boss@big.example"))
    for _ in range(2):  # before Stripe has it, and after
        answer = buyer.press_buy("pro_monthly")
        assert answer["Location"] == "/account/"
        shop.settle()

    assert "checkout.session" not in shop.stripe_counts()


def open_page(shop: Shop) -> tuple[Buyer, str]:
    """A colleague of the customer's has the checkout's page of ten blocks open."""
    customer = make_customer("purchase@big.example")
    buyer = signed_in_buyer(shop, customer)
    return buyer, buyer.press_buy("enterprise_yearly", 10)["Location"]


def test_a_contract_that_begins_closes_the_pages_that_could_be_paid_too(shop: Shop):
    buyer, page = open_page(shop)
    agree(customer=Customer.objects.get())
    shop.settle()

    with pytest.raises(NotPaidError, match="expired"):
        buyer.pay(page)
    assert Subscription.objects.get().is_by_invoice


def test_a_contract_does_not_begin_beside_a_page_that_was_paid(shop: Shop):
    buyer, page = open_page(shop)
    agree(customer=Customer.objects.get())
    buyer.pay(page)
    work_once()  # before any webhook came
    contract = InvoiceContract.objects.get()
    assert "by card" in contract.last_error
    shop.deliver()
    for _ in range(MAX_ATTEMPTS):
        work_once()
        shop.advance(hours=2)

    assert not Subscription.objects.get().is_by_invoice
    assert License.objects.filter(status="active").count() == 1
    notice = OwnerNotice.objects.get(key__startswith="given-up:billing.invoicecontract")
    assert "pays for Hare by card; end that first" in notice.text


def test_a_second_purchase_that_was_given_back_keeps_no_contract_from_beginning(shop: Shop):
    """Its checkout was paid, and its subscription is over like any other."""
    customer = make_customer("purchase@big.example")
    signed_in_buyer(shop, customer).buy("pro_monthly")
    pay_a_second_page(shop, customer)
    shop.settle()
    first = Subscription.objects.get(status="active")
    shop.ask_stripe("DELETE", f"/v1/subscriptions/{first.stripe_id}")
    shop.settle()

    contract = agree(customer=customer)
    shop.settle()

    contract.refresh_from_db()
    assert (contract.last_error, contract.due_at) == ("", None)
    assert contract.subscription is not None
    assert contract.subscription.is_by_invoice
