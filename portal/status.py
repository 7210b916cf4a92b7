"""How we are, as data: for a status page outside of this house, and for an alarm of the owner's.

Nothing in it tells of customers. A page outside asks it every minute; that it does not answer is
the worst news there is.
"""

from datetime import datetime, timedelta

from django.db.models import Min
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.models import DirtyObject
from outbox.models import Mail
from pkgindex.snapshot import is_current
from portal.models import DailyMetric

LATE = timedelta(minutes=5)


@require_safe
@never_cache
def status(request: HttpRequest) -> JsonResponse:
    """JSON: `state` is "ok", or "late" when the worker is five minutes behind.

    `worker_behind_s` is how long the oldest thing that is due waits (0: nothing waits).
    `index_is_current` may be false for a moment after a change; installs go on from the last one.
    """
    at = timezone.now()
    behind = _worker_behind(at)
    answer = {
        "state": "late" if behind > LATE else "ok",
        "at": at.isoformat(timespec="seconds"),
        "worker_behind_s": int(behind.total_seconds()),
        "index_is_current": is_current(at),
    }
    return JsonResponse(answer)


def _worker_behind(at: datetime) -> timedelta:
    """By what is due and was never tried, and by the night's snapshot."""
    never_tried = {"due_at__lte": at, "dead_at": None, "attempts": 0}
    due = [
        model.objects.filter(**never_tried).aggregate(at=Min("due_at"))["at"]
        for model in (Mail, DirtyObject)
    ]
    oldest = min((one for one in due if one is not None), default=at)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    has_worked = DailyMetric.objects.filter(day=at.date()).exists()
    is_used = DailyMetric.objects.exists()
    return at - (oldest if has_worked or not is_used else min(oldest, midnight))
