"""Money as CSV: a month's for the bookkeeper, the quarters' for everybody."""

import csv
from datetime import UTC, datetime, timedelta

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.models import Dispute, Payment, Refund
from portal.figures.open import open_quarters
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


@owners
@require_safe
@never_cache
def open_csv(request: HttpRequest) -> HttpResponse:
    """Revenue and ARR by quarter, safe to publish: rounded, empty where few are behind it."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="open-figures.csv"'
    writer = csv.writer(response)
    writer.writerow(["quarter (UTC)", "revenue USD", "who paid", "ARR USD", "customers"])
    for one in open_quarters(timezone.now()):
        writer.writerow(
            [one.name, _dollars(one.revenue), one.paying, _dollars(one.arr), one.customers]
        )
    return response


def _dollars(cents: int | None) -> int | None:
    return None if cents is None else cents // 100


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
