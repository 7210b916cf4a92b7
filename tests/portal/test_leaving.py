"""Usage, everything as JSON, and the end of an account."""

import json

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from billing.models import GuaranteeRefund, Subscription
from licenses.closing import close_customer
from licenses.models import Contact, Credential, Customer, LeaseHour, LicenseEvent, User
from licenses.people import add_contact
from outbox.mail import deliver_due_mail
from pkgindex.models import Download
from support.models import BouncingAddress, InboundMail, Ticket
from support.receiving import parse_due_mail
from support.storing import Delivery, keep_mail
from tests.cards import FAILS_AT_RENEWAL, GOOD
from tests.flows.books import books_agree, pages
from tests.make import make_credential, make_customer, make_license, make_tier
from tests.pkgindex.make import make_file, make_project, make_release
from tests.shop import Buyer, Shop
from tests.standin.process import NotPaidError
from tests.support.desk import make_conversation
from tests.support.mails import mail as written

pytestmark = pytest.mark.django_db


def signed_in(email: str = "dev@company.example") -> Client:
    client = Client()
    client.force_login(User.objects.get(email=email))
    return client


@pytest.fixture
def customer() -> Customer:
    """Enterprise, a key, a ticket, a download and an hour of threads."""
    customer = make_customer("dev@company.example")
    tier = make_tier("enterprise")
    license = make_license(customer=customer, tier=tier, threads=200)
    make_credential(customer)
    make_conversation(customer)
    file = make_file(make_release(make_project("hare-ent", tiers=[tier]), "1.0"))
    today = timezone.now().replace(minute=0, second=0, microsecond=0)
    for _ in range(2):
        Download.objects.create(
            day=today.date(), file=file, customer=customer, client=f"pip/26.{_}", count=3
        )
    Download.objects.create(day=today.date(), file=file, customer=make_customer(), count=99)
    LeaseHour.objects.create(
        license_id=license.pk, hour=today, peak=151, processes=7, refused=2, wanted=160
    )
    return customer


def test_usage_shows_the_peak_of_each_day_and_the_downloads(customer: Customer):
    page = signed_in().get(f"/account/{customer.pk}/usage/").content.decode()

    for text in ("<td>151</td><td>200</td><td>7</td><td>2</td>", "pip/26.0", "pip/26.1"):
        assert text in page
    assert "99" not in page.replace("999", "")


def test_usage_takes_as_many_queries_for_many_licenses(
    customer: Customer, django_assert_max_num_queries
):
    for _ in range(10):
        make_license(customer=customer, tier=make_tier("enterprise"), threads=100)

    browser = signed_in()
    with django_assert_max_num_queries(8):
        browser.get(f"/account/{customer.pk}/usage/")


def test_the_export_holds_everything_and_no_secret(customer: Customer):
    answer = signed_in().get(f"/account/{customer.pk}/export/")

    data = json.loads(answer.content)
    assert data["people"] == [{"email": "dev@company.example", "role": "owner"}]
    assert data["licenses"][0]["tier"] == "Hare Enterprise"
    assert data["licenses"][0]["events"][0]["name"] == "issued"
    assert data["licenses"][0]["usage"][0]["peak"] == 151
    assert [one["times"] for one in data["downloads"]] == [3, 3]
    assert len(data["tickets"]) == 1
    assert data["keys"][0]["hint"] == Credential.objects.get(customer=customer).hint
    assert Credential.objects.get(customer=customer).digest not in answer.content.decode()


def close(customer: Customer, **form: str) -> int:
    return signed_in().post(f"/account/{customer.pk}/close/", form).status_code


def test_closing_revokes_keys_forgets_people_and_keeps_the_books(customer: Customer):
    assert close(customer, sure="yes") == 302

    customer.refresh_from_db()
    assert customer.closed_at is not None
    assert not customer.credentials.usable(timezone.now()).exists()
    assert not Contact.objects.filter(customer=customer).exists()
    assert not User.objects.filter(email="dev@company.example").exists()
    assert not Ticket.objects.filter(customer=customer).exists()
    assert customer.licenses.count() == 1
    mail.outbox.clear()
    deliver_due_mail(timezone.now())
    assert [one.to for one in mail.outbox if "closed" in one.subject] == [["dev@company.example"]]


def test_closing_leaves_no_address_and_no_mail_behind(customer: Customer):
    """Of a colleague, too, who has no ticket: his mailbox is dead, his robot wrote to us."""
    other = "robot@company.example"
    add_contact(customer.pk, email=other, role=Contact.Role.TECHNICAL)
    BouncingAddress.objects.create(address=other, since=timezone.now())
    raw = written("Hello", sender=other, headers={"X-Loop": "x"})
    keep_mail(Delivery(source="pipe", raw=raw))
    parse_due_mail(timezone.now())
    assert InboundMail.objects.filter(sender=other, ticket=None).count() == 1

    close(customer, sure="yes")

    assert not InboundMail.objects.filter(sender=other).exists()
    assert not BouncingAddress.objects.exists()


def test_without_the_tick_nothing_is_closed(customer: Customer):
    close(customer)

    customer.refresh_from_db()
    assert customer.closed_at is None


def test_a_person_of_another_customer_too_can_still_sign_in(customer: Customer):
    second = make_customer("boss@else.example")
    add_contact(second.pk, email="dev@company.example", role=Contact.Role.BILLING)

    close(customer, sure="yes")

    assert str(second) in signed_in().get("/account/").content.decode()


def test_only_the_owner_closes(customer: Customer):
    add_contact(customer.pk, email="ops@company.example", role=Contact.Role.TECHNICAL)

    answer = signed_in("ops@company.example").post(
        f"/account/{customer.pk}/close/", {"sure": "yes"}
    )

    assert answer.status_code == 403
    assert (
        "Close the account"
        not in signed_in("ops@company.example").get("/account/").content.decode()
    )


def test_closing_cancels_the_subscription_at_stripe_first(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    customer = Customer.objects.get()

    assert close(customer, sure="yes") == 302
    shop.settle()

    remote = shop.ask_stripe("GET", f"/v1/subscriptions/{Subscription.objects.get().stripe_id}")
    assert remote["cancel_at_period_end"] or remote["cancel_at"]
    shop.advance(days=40)
    shop.settle()
    assert LicenseEvent.objects.filter(name="lapsed").exists()


@pytest.mark.parametrize("moment", ["past due", "unpaid", "renewal is a draft", "not heard of"])
def test_after_closing_nothing_is_charged_whatever_was_open(shop: Shop, moment: str):
    card = FAILS_AT_RENEWAL if moment in {"past due", "unpaid"} else GOOD
    shop.standin.control("POST", "webhooks", {"mode": "hold", "retries_exhausted": "unpaid"})
    Buyer(shop).buy("pro_monthly", card=card)
    shop.settle()
    end = Subscription.objects.get().current_period_end
    days = {"past due": 0.2, "unpaid": 12}.get(moment, 0.01)
    shop.advance(seconds=(end - timezone.now()).total_seconds() + days * 24 * 3600)
    shop.take() if moment == "not heard of" else shop.settle()

    assert close(Customer.objects.get(), sure="yes") == 302

    path = f"/v1/subscriptions/{Subscription.objects.get().stripe_id}"
    assert shop.ask_stripe("GET", path)["status"] == "canceled"
    shop.advance(days=40)
    shop.settle()
    (charge,) = [c for c in pages(shop, "/v1/charges") if c["status"] == "succeeded"]
    assert charge["amount"] == 9900
    books_agree(shop)


def test_closing_ends_no_period_that_was_paid_unheard(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    shop.advance(days=32)
    shop.take()

    assert close(Customer.objects.get(), sure="yes") == 302

    subscription = Subscription.objects.get()
    remote = shop.ask_stripe("GET", f"/v1/subscriptions/{subscription.stripe_id}")
    assert (remote["status"], remote["cancel_at_period_end"]) == ("active", True)
    assert subscription.cancel_at == subscription.current_period_end > timezone.now()


def test_closing_leaves_a_date_of_the_owners_as_it_is(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    path = f"/v1/subscriptions/{Subscription.objects.get().stripe_id}"
    date = int(timezone.now().timestamp()) + 5 * 24 * 3600
    shop.ask_stripe("POST", path, f"cancel_at={date}")
    shop.settle()

    assert close(Customer.objects.get(), sure="yes") == 302

    assert shop.ask_stripe("GET", path)["cancel_at"] == date


def open_page(shop: Shop) -> tuple[Customer, Buyer, str]:
    """A customer without a license, and a checkout page that he has open in a tab."""
    customer = make_customer("dev@company.example")
    buyer = Buyer(shop, client=signed_in())
    return customer, buyer, buyer.press_buy("pro_monthly")["Location"]


def test_closing_closes_the_checkout_pages_that_are_open(shop: Shop):
    customer, buyer, page = open_page(shop)

    assert close(customer, sure="yes") == 302

    customer.refresh_from_db()
    assert customer.closed_at is not None
    with pytest.raises(NotPaidError):
        buyer.pay(page)
    shop.settle()
    assert not Subscription.objects.exists()


def test_what_was_bought_a_moment_before_is_shown_and_not_lost(shop: Shop):
    customer, buyer, page = open_page(shop)
    buyer.pay(page)

    browser = signed_in()
    said = browser.post(f"/account/{customer.pk}/close/", {"sure": "yes"}, follow=True)

    assert "You have just bought something" in said.content.decode()
    customer.refresh_from_db()
    assert customer.closed_at is None
    assert Subscription.objects.get().license is not None
    close(customer, sure="yes")
    shop.settle()
    customer.refresh_from_db()
    assert customer.closed_at is not None
    assert Subscription.objects.get().cancel_at is not None


def test_what_is_paid_on_a_page_that_was_opened_while_the_account_closed_goes_back(shop: Shop):
    customer, buyer, page = open_page(shop)
    close_customer(customer.pk, at=timezone.now())  # as if its carts were closed a moment before

    buyer.pay(page)
    shop.settle()

    job = GuaranteeRefund.objects.get()
    assert (job.cause, job.state, job.amount_cents) == ("duplicate", "done", 9900)
    assert Subscription.objects.get().status == "canceled"
    assert not customer.licenses.exists()
    books_agree(shop)


def test_a_stripe_that_cannot_close_the_page_closes_no_account(shop: Shop):
    customer, _, _ = open_page(shop)
    shop.fail_stripe("POST", "/v1/checkout/sessions", kind="500", when="before", times=9)

    close(customer, sure="yes")

    customer.refresh_from_db()
    assert customer.closed_at is None


def test_a_stripe_that_is_away_closes_nothing(shop: Shop):
    Buyer(shop).buy("pro_monthly")
    customer = Customer.objects.get()
    shop.fail_stripe("POST", "/v1/subscriptions", kind="500", when="before", times=9)

    close(customer, sure="yes")

    customer.refresh_from_db()
    assert customer.closed_at is None
    assert Contact.objects.exists()


def test_whoever_pays_by_invoice_is_asked_to_write(shop: Shop):
    Buyer(shop).buy("enterprise_yearly")
    Subscription.objects.update(collection_method="send_invoice")
    customer = Customer.objects.get()

    close(customer, sure="yes")

    customer.refresh_from_db()
    assert customer.closed_at is None
    page = signed_in().get(f"/account/{customer.pk}/close/").content.decode()
    assert "paid by invoice" in page
