"""All we know of a customer, as JSON: for himself, and for the owner who is asked for it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Model

from billing.models import Payment, Subscription
from licenses.models import Contact, Credential, Customer, License, LicenseEvent
from licenses.usage import usage_of
from portal.receipts import details_of
from portal.usage import downloads_of
from support.privacy import export_tickets

VERSION = 1
MOST_DOWNLOADS = 100_000


def export_customer(customer: Customer, *, at: datetime) -> dict[str, Any]:
    """Rows as they are, with moments in ISO 8601 (UTC) and amounts in cents. No secrets: of a key
    there is nothing but its last four characters.
    """
    licenses = list(customer.licenses.select_related("tier__product").order_by("pk"))
    return {
        "version": VERSION,
        "exported_at": at,
        "customer": {"id": customer.pk, "name": customer.name, "since": customer.created_at},
        "billing_details": _fields(
            details_of(customer), "legal_name address tax_id purchase_order"
        ),
        "people": _rows(Contact.objects.filter(customer=customer), "email role"),
        "licenses": [_license(license, at) for license in licenses],
        "keys": _rows(
            Credential.objects.filter(customer=customer),
            "name kind hint created_at expires_at revoked_at revoked_for rotated_at last_used_at "
            "last_client last_network products versions networks",
        ),
        "subscriptions": _rows(
            Subscription.objects.filter(customer=customer),
            "stripe_id status quantity card_last4 current_period_end cancel_at ended_at created_at",
        ),
        "payments": [_payment(one) for one in _payments(customer)],
        "downloads": downloads_of(customer, MOST_DOWNLOADS),
        "tickets": export_tickets(customer.pk),
    }


def _license(license: License, at: datetime) -> dict[str, Any]:
    fields = "kind status threads paid_through updates_until source created_at"
    events = LicenseEvent.objects.filter(license=license).order_by("at", "pk")
    return {
        "tier": str(license.tier),
        **_fields(license, fields),
        "events": _rows(events, "at name reason", is_ordered=True),
        "usage": usage_of(license.pk, since=license.created_at, until=at),
    }


def _payments(customer: Customer) -> Iterable[Payment]:
    paid = Payment.objects.filter(subscription__customer=customer)
    return paid.prefetch_related("refunds").order_by("paid_at", "pk")


def _payment(payment: Payment) -> dict[str, Any]:
    fields = "stripe_id invoice_number amount_cents currency paid_at"
    refunds = payment.refunds.all()
    return {
        **_fields(payment, fields),
        "refunds": [_fields(one, "amount_cents status created_at") for one in refunds],
    }


def _rows(found: Any, names: str, *, is_ordered: bool = False) -> list[dict[str, Any]]:
    return [_fields(row, names) for row in (found if is_ordered else found.order_by("pk"))]


def _fields(row: Model, names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names.split()}
