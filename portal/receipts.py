"""Receipts: each as a page to print, a year's as one file, with the details the buyer wants on it.

The invoice that Stripe made stays what it is and is linked beside; ours repeats its number and
total, and carries today's billing details, so a forgotten tax number costs nobody a letter.
"""

import csv
import io
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from billing.models import BillingDetails, Payment, StripeCustomer
from licenses.models import Customer
from portal.texts import render_text
from portal.visitors import customer_of

CSV_COLUMNS = ("date", "number", "product", "amount", "refunded", "currency", "tax id", "order")


class DetailsForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable when it runs
    class Meta:
        model = BillingDetails
        fields = ("legal_name", "address", "tax_id", "purchase_order")
        widgets = {"address": forms.Textarea(attrs={"rows": 4})}
        labels = {
            "legal_name": "Legal name",
            "address": "Address",
            "tax_id": "VAT or tax number",
            "purchase_order": "Your purchase order number",
        }
        help_texts = {"tax_id": ""}


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def receipts(request: HttpRequest, customer_id: int) -> HttpResponse:
    """All receipts by year, and what shall stand on them."""
    customer = customer_of(request, customer_id)
    details = details_of(customer)
    form = DetailsForm(request.POST or None, instance=details)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.info(request, "Saved. All receipts, old and new, carry it.")
        return redirect("portal:receipts", customer.pk)
    by_year: dict[int, list[Payment]] = defaultdict(list)
    for payment in payments_of(customer):
        by_year[payment.paid_at.astimezone(UTC).year].append(payment)
    at_stripe = StripeCustomer.objects.filter(customer=customer, deleted_at=None).first()
    context = {
        "customer": customer,
        "years": list(by_year.items()),
        "form": form,
        "stripe_email": at_stripe.email if at_stripe is not None else "",
    }
    return render(request, "portal/receipts.html", context, status=422 if form.errors else 200)


@require_safe
@login_required
@never_cache
def receipt(request: HttpRequest, customer_id: int, payment_id: int) -> HttpResponse:
    customer = customer_of(request, customer_id)
    payment = get_object_or_404(payments_of(customer), pk=payment_id)
    return render(request, "portal/receipt.html", _facts(customer, payment))


@require_safe
@login_required
@never_cache
def receipts_of_year(request: HttpRequest, customer_id: int, year: int) -> HttpResponse:
    """A zip with every receipt of a year (UTC) as a page of its own, and a table for the books."""
    customer = customer_of(request, customer_id)
    if not 2000 <= year <= 9998:
        raise Http404
    begin, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    payments = list(payments_of(customer).filter(paid_at__gte=begin, paid_at__lt=end))
    if not payments:
        raise Http404
    response = HttpResponse(_zip(customer, payments), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="receipts-{year}.zip"'
    return response


def payments_of(customer: Customer) -> QuerySet[Payment]:
    """Newest first, with what a receipt says."""
    paid = Payment.objects.filter(subscription__customer=customer, amount_cents__gt=0)
    related = paid.select_related("subscription__price__tier__product")
    return related.prefetch_related("refunds").order_by("-paid_at", "-pk")


def details_of(customer: Customer) -> BillingDetails:
    """What was saved, or an empty row that was not."""
    found = BillingDetails.objects.filter(customer=customer).first()
    return found or BillingDetails(customer=customer, legal_name=customer.name)


def _facts(customer: Customer, payment: Payment) -> dict[str, Any]:
    return {
        "customer": customer,
        "payment": payment,
        "details": details_of(customer),
        "seller": render_text("seller"),
    }


def _zip(customer: Customer, payments: Iterable[Payment]) -> bytes:
    buffer = io.BytesIO()
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(CSV_COLUMNS)
    facts = {"details": details_of(customer), "seller": render_text("seller")}
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for payment in payments:
            page = render_to_string("portal/receipt_file.html", {**facts, "payment": payment})
            archive.writestr(f"{payment.paid_at:%Y-%m-%d}-{_name(payment)}.html", page)
            rows.writerow(_row(payment, facts["details"]))
        archive.writestr("receipts.csv", table.getvalue())
    return buffer.getvalue()


def _name(payment: Payment) -> str:
    kept = [letter for letter in payment.invoice_number if letter.isalnum() or letter == "-"]
    return "".join(kept) or str(payment.pk)


def _row(payment: Payment, details: Any) -> tuple[object, ...]:
    return (
        f"{payment.paid_at:%Y-%m-%d}",
        payment.invoice_number,
        payment.subscription.price.tier.product.name,
        f"{payment.amount_cents / 100:.2f}",
        f"{payment.refunded_cents / 100:.2f}",
        payment.currency.upper(),
        details.tax_id,
        details.purchase_order,
    )
