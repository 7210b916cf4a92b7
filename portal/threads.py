"""The threads of a license: who holds them, each hour's peaks, what was refused, and why."""

import csv
import uuid
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from licenses.leases import release_by_hand
from licenses.models import Credential, LeaseHour, License
from licenses.usage import hours_since, live_usage, usage_of
from portal.chart import FLOOR, HEIGHT, WIDTH, bars, line_at
from portal.needs import need_of
from portal.running import running_threads
from portal.visitors import customers_of, visitor_of

CHART_HOURS = 48
REFUSED_DAYS = 30
MOST_REFUSED = 50  # rows; all of them are in the CSV
DOWNLOAD_DAYS = 31
# No license is older, and a day before or after is still one that Python can name.
DAYS = (MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(9000, 1, 1)))
GONE = "That lease had ended before; nothing was changed."
COLUMNS = (
    "hour", "peak", "peak_surge", "peak_free", "processes", "wanted", "refused", "over_limit",
    "drained", "over_free", "not_active",
)  # fmt: skip


class SpanForm(forms.Form):
    """Days (UTC), both included; empty or senseless: the last 31."""

    since = forms.DateField(required=False, validators=DAYS)
    until = forms.DateField(required=False, validators=DAYS)

    def span(self, at: datetime) -> tuple[datetime, datetime]:
        """The first moment, and the first one after it."""
        fields = self.cleaned_data if self.is_valid() else {}
        last = fields.get("until") or at.date()
        first = fields.get("since") or last - timedelta(days=DOWNLOAD_DAYS - 1)
        return _midnight(first), _midnight(last) + timedelta(days=1)


@require_safe
@login_required
@never_cache
def threads(request: HttpRequest, license_id: int) -> HttpResponse:
    license, at = _mine(request, license_id), timezone.now()
    hours = hours_since(license.pk, at - timedelta(days=REFUSED_DAYS))
    running = running_threads(license, at)
    keys = Credential.objects.usable(at).filter(license=license).order_by("created_at", "pk")
    context = {
        "license": license,
        "running": running,
        "need": need_of(license, hours, running, at),
        "refused": [hour for hour in hours if hour.refused][:MOST_REFUSED],
        "refused_days": REFUSED_DAYS,
        "chart": _chart(license, hours, at),
        "chart_hours": CHART_HOURS,
        "download_days": DOWNLOAD_DAYS,
        "keys": keys,
    }
    return render(request, "portal/threads.html", context)


@require_POST
@login_required
def release(request: HttpRequest, license_id: int) -> HttpResponse:
    """Give back the threads of a process that is gone."""
    license = _mine(request, license_id)
    try:
        iid = uuid.UUID(request.POST.get("iid", ""))
    except ValueError:
        iid = uuid.UUID(int=0)
    by = visitor_of(request).email
    if release_by_hand(license, iid, by=by, at=timezone.now()):
        messages.info(request, "Its threads are free; whoever waits asks again in about a minute.")
    else:
        messages.warning(request, GONE)
    return redirect("portal:threads", license.pk)


@require_safe
@login_required
@never_cache
def threads_csv(request: HttpRequest, license_id: int) -> HttpResponse:
    """Each hour that had any use, in UTC."""
    license = _mine(request, license_id)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="threads-{license.pk}.csv"'
    writer = csv.DictWriter(response, COLUMNS)
    writer.writeheader()
    writer.writerows(_hours(request, license))
    return response


@require_safe
@login_required
@never_cache
def threads_json(request: HttpRequest, license_id: int) -> HttpResponse:
    """The same, with the leases of now, in the form of `GET /v1/usage`."""
    license = _mine(request, license_id)
    leases = live_usage(license.pk, timezone.now())
    data = {"limit": license.threads, "leases": leases, "hours": _hours(request, license)}
    response = JsonResponse(data, json_dumps_params={"indent": 1})
    response["Content-Disposition"] = f'attachment; filename="threads-{license.pk}.json"'
    return response


def _hours(request: HttpRequest, license: License) -> list[dict[str, Any]]:
    since, until = SpanForm(request.GET).span(timezone.now())
    return usage_of(license.pk, since=since, until=until)


def _mine(request: HttpRequest, license_id: int) -> License:
    mine = License.objects.held_by(customers_of(request))
    return get_object_or_404(mine.select_related("tier__product", "customer"), pk=license_id)


def _chart(license: License, hours: list[LeaseHour], at: datetime) -> dict[str, Any] | None:
    """The peaks of the last two days as bars, beside a line for the limit; None without any."""
    peaks = {hour.hour: hour.peak for hour in hours}
    now = at.replace(minute=0, second=0, microsecond=0)
    shown = [now - timedelta(hours=ago) for ago in reversed(range(CHART_HOURS))]
    if not any(peaks.get(hour) for hour in shown):
        return None
    values = [(_label(hour), peaks.get(hour, 0), f"{peaks.get(hour, 0)}") for hour in shown]
    limit = license.threads or 0
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "text_y": HEIGHT - FLOOR / 3,
        "bars": list(zip(shown, bars(values, beside=limit), strict=True)),
        "line_y": line_at(values, beside=limit) if limit else None,
        "most": max(value for _, value, _ in values),
    }


def _label(hour: datetime) -> str:
    return f"{hour:%H}:00" if hour.hour % 12 == 0 else ""


def _midnight(day: Any) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
