"""A month's money as CSV, for the bookkeeper."""

import csv
from datetime import UTC, datetime, timedelta

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.models import Dispute, Payment, Refund
from portal.owner_site import owners

HEAD = ["at (UTC)", "what", "customer", "invoice", "Stripe id", "amount", "currency"]
Row = tuple[str, ...]


@owners
@require_safe
@never_cache
def month_csv(request: HttpRequest, year: int, month: int) -> HttpResponse:
    """Every payment, refund and lost dispute of a month (UTC), in units of the currency, not cents:
    they sum to the dashboard's net.
    """
    if not 1 <= month <= 12 or not 2000 <= year <= 9000:
        raise Http404
    first = datetime(year, month, 1, tzinfo=UTC)
    end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="cash-{year}-{month:02}.csv"'
    writer = csv.writer(response)
    writer.writerow(HEAD)
    writer.writerows(sorted(_bookings(first, end - timedelta(microseconds=1))))
    return response


def _bookings(first: datetime, last: datetime) -> list[Row]:
    span = (first, last)
    payments = Payment.objects.filter(paid_at__range=span).select_related("subscription__customer")
    found = [_row(one.paid_at, "payment", one, one.stripe_id, one.amount_cents) for one in payments]
    refunds = Refund.objects.filter(created_at__range=span).exclude(status__in=Refund.UNDONE)
    found += [
        _row(one.created_at, "refund", one.payment, one.stripe_id, -one.amount_cents)
        for one in refunds.select_related("payment__subscription__customer")
    ]
    lost = Dispute.objects.filter(created_at__range=span, status="lost")
    found += [
        _row(one.created_at, "dispute lost", one.payment, one.stripe_id, -one.amount_cents)
        for one in lost.select_related("payment__subscription__customer")
    ]
    return found


def _row(at: datetime, what: str, payment: Payment, stripe_id: str, cents: int) -> Row:
    return (
        f"{at:%Y-%m-%d %H:%M:%S}",
        what,
        _safe(str(payment.subscription.customer)),
        _safe(payment.invoice_number),
        stripe_id,
        f"{cents / 100:.2f}",
        payment.currency,
    )


def _safe(text: str) -> str:
    """A spreadsheet would run what begins like a formula."""
    return f"'{text}" if text[:1] in set("=+-@\t\r") else text
