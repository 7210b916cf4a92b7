"""Two workers write about one subscription at once: the second sees what the first one wrote."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from billing.contracts import start_contracts
from billing.customers import ensure_stripe_customer
from billing.dirty import agree
from billing.models import DirtyObject, InvoiceContract, Payment, StripeCustomer, Subscription
from billing.sync import FETCHES
from licenses.models import License
from tests.flows.books import pages
from tests.flows.contracts import agree as make_contract
from tests.flows.disputing import dispute
from tests.shop import Buyer, Shop

pytestmark = pytest.mark.django_db(transaction=True)
MOST_SECONDS = 20


def agree_on(stripe_id: str) -> bool:
    mark = DirtyObject.objects.get(stripe_id=stripe_id)
    return agree(mark.pk, FETCHES[mark.kind], timezone.now())


def while_another_is_after(
    fragment: str, first: Callable[[], bool], then: Callable[[], bool]
) -> bool:
    """Run *first* in a thread that waits after its first statement with *fragment*, and *then*
    meanwhile; whether both did it.
    """
    over = threading.Event()
    finish = begin_another(fragment, first, over)
    done = then()
    over.set()
    return finish() and done


def wait_for_a_waiter(over: threading.Event) -> None:
    deadline = time.monotonic() + MOST_SECONDS
    while not over.wait(0.02) and time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return


def begin_another(
    fragment: str, first: Callable[[], bool], over: threading.Event
) -> Callable[[], bool]:
    """Returns once *first* waits after its statement; call the result for whether it did it.

    It goes on as soon as somebody waits for a lock, or *over* is set: nobody will.
    """
    there, did = threading.Event(), [False]

    def wait_there(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        result = execute(sql, *rest)
        if fragment in sql and connection.in_atomic_block and not there.is_set():
            there.set()
            wait_for_a_waiter(over)
        return result

    def run() -> None:
        try:
            with connection.execute_wrapper(wait_there):
                did[0] = first()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    assert there.wait(20)

    def finish() -> bool:
        thread.join()
        return did[0]

    return finish


def test_a_dispute_won_reinstates_nobody_whose_end_is_just_being_written(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    subscription, payment = Subscription.objects.get(), Payment.objects.get()
    held = dispute(shop, payment)
    shop.standin.control("POST", f"disputes/{held}", {"outcome": "won"})
    shop.ask_stripe("DELETE", f"/v1/subscriptions/{subscription.stripe_id}")
    shop.deliver()

    assert while_another_is_after(
        '"billing_dispute"."status"',  # it has judged: still suspended
        lambda: agree_on(subscription.stripe_id),
        lambda: agree_on(payment.stripe_id),
    )

    assert License.objects.get().status == "lapsed"


def test_a_subscription_and_its_payment_wait_for_each_other_and_not_for_ever(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    subscription, known = Subscription.objects.get(), Payment.objects.get()
    shop.advance(days=32)
    charges = [charge["payment_intent"] for charge in pages(shop, "/v1/charges")]
    (renewal,) = set(charges) - {known.stripe_id}
    shop.ask_stripe("POST", "/v1/refunds", f"payment_intent={renewal}&amount=100")
    shop.deliver()

    assert while_another_is_after(
        '"billing_dirtyobject"."stripe_id" =',  # about to mark the payment
        lambda: agree_on(subscription.stripe_id),
        lambda: agree_on(renewal),
    )

    assert Payment.objects.get(stripe_id=renewal).refunded_cents == 100


def test_a_contract_that_begins_and_its_subscription_do_not_wait_for_each_other(shop: Shop):
    make_contract()
    others: list[Callable[[], bool]] = []
    over = threading.Event()

    def agree_on_what_was_made() -> bool:
        shop.deliver()
        return agree_on(pages(shop, "/v1/subscriptions?status=all")[0]["id"])

    def once_it_is_made(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if not others and shop.stripe_counts().get("subscription"):
            fragment = 'UPDATE "billing_invoicecontract"'  # it links the two
            others.append(begin_another(fragment, agree_on_what_was_made, over))
        return execute(sql, *rest)

    with connection.execute_wrapper(once_it_is_made):
        assert start_contracts(timezone.now()) == 1
    over.set()
    assert others[0]()

    contract = InvoiceContract.objects.get()
    assert (contract.subscription, contract.due_at) == (Subscription.objects.get(), None)


@pytest.fixture
def deleted(shop: Shop) -> StripeCustomer:
    """A buyer who was deleted at Stripe; his subscription and he are to be asked for."""
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    row = StripeCustomer.objects.get()
    shop.ask_stripe("DELETE", f"/v1/customers/{row.stripe_id}")
    shop.deliver()
    return row


def test_a_deleted_customer_and_his_subscription_do_not_wait_for_each_other(
    shop: Shop, deleted: StripeCustomer
):
    subscription = Subscription.objects.get()

    assert while_another_is_after(
        'UPDATE "billing_stripecustomer"',
        lambda: agree_on(subscription.stripe_id),
        lambda: agree_on(deleted.stripe_id),
    )

    deleted.refresh_from_db()
    assert deleted.deleted_at is not None
    assert License.objects.get().status == "lapsed"


def test_a_customer_who_is_found_deleted_twice_is_waited_for_once(
    shop: Shop, deleted: StripeCustomer
):
    agree_on(Subscription.objects.get().stripe_id)
    StripeCustomer.objects.update(deleted_at=None)

    def buy_anew() -> bool:
        return ensure_stripe_customer(deleted.customer) != deleted.stripe_id

    assert while_another_is_after(
        'UPDATE "billing_stripecustomer"', lambda: agree_on(deleted.stripe_id), buy_anew
    )

    assert StripeCustomer.objects.filter(deleted_at=None).count() == 1
