"""Automatic tax at one fixed rate, and tax ids."""

from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import stripe

from tests.cards import GOOD

from .process import FORM
from .shop import DAY, Shop

TAXED: Any = {"automatic_tax": {"enabled": True}}


@pytest.fixture(autouse=True)
def nineteen_percent(shop: Shop) -> None:
    shop.standin.control("POST", "tax", {"percent": 19})


def test_tax_comes_on_top_at_checkout_and_at_every_renewal(shop: Shop) -> None:
    session = shop.session(shop.pro(), **TAXED)
    shop.standin.pay_checkout(session.url or "")
    shop.standin.advance(32 * DAY)

    paid = shop.client.v1.checkout.sessions.retrieve(session.id)
    renewed, first = shop.invoices(str(paid.subscription))
    assert session.automatic_tax.status == "requires_location_inputs"
    assert (session.amount_total, paid.amount_total) == (9900, 11781)
    assert paid.total_details
    assert paid.total_details.amount_tax == 1881
    assert first.total_taxes
    assert [tax.amount for tax in first.total_taxes] == [1881]
    assert (first.amount_paid, renewed.amount_paid) == (11781, 11781)
    assert first.total_excluding_tax == 9900


def test_tax_inside_the_price_changes_no_total(shop: Shop) -> None:
    session = shop.session(shop.pro(tax_behavior="inclusive"), **TAXED)
    shop.standin.pay_checkout(session.url or "")

    invoice = shop.client.v1.invoices.list().data[0]
    assert (invoice.total, invoice.total_excluding_tax) == (9900, 8319)


def test_a_discount_comes_before_the_tax(shop: Shop) -> None:
    coupon = shop.client.v1.coupons.create({"percent_off": 50})
    session = shop.session(shop.pro(), discounts=[{"coupon": coupon.id}], **TAXED)
    shop.standin.pay_checkout(session.url or "")

    paid = shop.client.v1.checkout.sessions.retrieve(session.id)
    invoice = shop.client.v1.invoices.list().data[0]
    assert paid.amount_total == invoice.total == 4950 + 941


def test_a_customer_without_a_place_is_refused_or_asked(shop: Shop) -> None:
    customer = shop.client.v1.customers.create({"email": "a@b.co"}).id

    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.session(shop.pro(), customer=customer, **TAXED)
    shop.session(shop.pro(), customer=customer, customer_update={"address": "auto"}, **TAXED)

    assert refused.value.code == "customer_tax_location_invalid"


@pytest.mark.parametrize("exempt", ["exempt", "reverse"])
def test_who_is_exempt_pays_no_tax(shop: Shop, exempt: Any) -> None:
    customer = shop.client.v1.customers.create(
        {"email": "a@b.co", "tax_exempt": exempt, "address": {"country": "DE"}}
    )
    session = shop.session(shop.pro(), customer=customer.id, **TAXED)
    shop.standin.pay_checkout(session.url or "")

    assert shop.client.v1.invoices.list().data[0].total == 9900


def test_a_renewal_that_cannot_be_taxed_is_never_billed(shop: Shop) -> None:
    subscription = shop.buy(**TAXED)
    shop.client.v1.customers.update(str(subscription.customer), {"address": ""})

    shop.standin.advance(40 * DAY)

    invoice = shop.invoices(subscription.id)[0]
    assert (invoice.status, invoice.auto_advance) == ("draft", False)
    assert invoice.last_finalization_error
    assert invoice.last_finalization_error.code == "customer_tax_location_invalid"
    assert "invoice.finalization_failed" in [d["type"] for d in shop.standin.take()]


def test_a_tax_id_is_kept_and_stands_on_the_invoice(shop: Shop) -> None:
    session = shop.session(shop.pro(), tax_id_collection={"enabled": True})
    fields = {"email": "a@b.co", "country": "DE", "tax_id": "DE123456789", "name": "Acme"}
    fields |= {"card_number": GOOD, "exp": "12/34", "cvc": "123"}
    shop.standin.request("POST", urlsplit(session.url or "").path, urlencode(fields), FORM)

    paid = shop.client.v1.checkout.sessions.retrieve(session.id)
    invoice = shop.client.v1.invoices.list().data[0]
    listed = shop.client.v1.customers.tax_ids.list(str(paid.customer)).data
    assert paid.customer_details
    assert paid.customer_details.tax_ids
    assert [each.value for each in paid.customer_details.tax_ids] == ["DE123456789"]
    assert invoice.customer_tax_ids
    assert [each.type for each in invoice.customer_tax_ids] == ["eu_vat"]
    assert [each.value for each in listed] == ["DE123456789"]


def test_managed_payments_take_no_tax_parameters(shop: Shop) -> None:
    managed: Any = {"managed_payments": {"enabled": True}}

    subscription = shop.buy(**managed)
    with pytest.raises(stripe.InvalidRequestError, match="managed payments"):
        shop.session(shop.pro(), **managed, **TAXED)

    assert subscription.managed_payments
    assert subscription.managed_payments.enabled
