"""What a customer uses: threads by day, and what was installed by which client."""

from datetime import timedelta

from django.contrib.auth.decorators import login_required
from django.db.models import Max, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from licenses.models import Customer
from licenses.usage import daily_usage
from pkgindex.models import Download
from portal.visitors import customer_of

THREAD_DAYS = 30
DOWNLOAD_DAYS = 90
ROWS = 100


@require_safe
@login_required
@never_cache
def usage(request: HttpRequest, customer_id: int) -> HttpResponse:
    customer = customer_of(request, customer_id)
    since = timezone.now() - timedelta(days=THREAD_DAYS)
    licenses = {
        license.pk: license
        for license in customer.licenses.filter(threads__isnull=False).select_related(
            "tier__product"
        )
    }
    days = [(licenses[one.license_id], one) for one in daily_usage(licenses, since=since)]
    context = {
        "customer": customer,
        "has_threads": bool(licenses),
        "licenses": list(licenses.values()),
        "days": days,
        "thread_days": THREAD_DAYS,
        "downloads": downloads_of(customer),
        "download_days": DOWNLOAD_DAYS,
    }
    return render(request, "portal/usage.html", context)


def downloads_of(customer: Customer, rows: int = ROWS) -> list[dict[str, object]]:
    """The last 90 days by project, version and client, the newest first."""
    since = (timezone.now() - timedelta(days=DOWNLOAD_DAYS)).date()
    found = Download.objects.filter(customer=customer, day__gte=since)
    grouped = found.values("file__release__project__name", "file__release__version", "client")
    counted = grouped.annotate(times=Sum("count"), last=Max("day")).order_by("-last", "-times")
    return [
        {
            "project": row["file__release__project__name"],
            "version": row["file__release__version"],
            "client": row["client"],
            "times": row["times"],
            "last": row["last"],
        }
        for row in counted[:rows]
    ]
