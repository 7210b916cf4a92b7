"""Tell the owner of what no worker tries any more, whatever kind of row it is."""

from datetime import UTC, datetime
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet, Value
from django.urls import NoReverseMatch, reverse

from billing.models import OwnerNotice
from billing.notices import close_notice, tell_owner
from lib.redaction import redact
from outbox.claims import Claimable
from outbox.models import Mail

PREFIX = "given-up:"
OPEN_AT_ONCE = 20  # notices of one kind: when a server is away for a day, one page says it
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def tell_of_given_up(at: datetime) -> int:
    """Tell of each row that was given up, once; close what lives again. How many were told.

    It looks at the rows and not at the moment when they died, so that no crash can miss one. That
    is in each round of the worker: two queries when all is well.
    """
    models = {
        model._meta.label_lower: model
        for model in apps.get_models()
        if issubclass(model, Claimable)
    }
    open_notices = OwnerNotice.objects.filter(key__startswith=PREFIX, closed_at__isnull=True)
    open_kinds = {key.split(":")[1] for key in open_notices.values_list("key", flat=True)}
    kinds = open_kinds | _kinds_with_dead_rows(models)
    return sum(_tell(model, at) for kind, model in models.items() if kind in kinds)


def _kinds_with_dead_rows(models: dict[str, type[Claimable]]) -> set[str]:
    kinds = [
        _given_up(model).order_by().values_list(Value(kind), flat=True)
        for kind, model in models.items()
    ]
    return set(kinds[0].union(*kinds[1:]))


def _tell(model: type[Claimable], at: datetime) -> int:
    prefix = f"{PREFIX}{model._meta.label_lower}:"
    dead = {
        f"{prefix}{pk}:{dead_at:%Y%m%dT%H%M%S}": pk
        for pk, dead_at in _given_up(model).order_by("dead_at").values_list("pk", "dead_at")
    }
    notices = OwnerNotice.objects.filter(key__startswith=prefix)
    still_open = set(notices.filter(closed_at__isnull=True).values_list("key", flat=True))
    for key in still_open - dead.keys():
        close_notice(key, at=at)
    told = set(notices.filter(key__in=dead).values_list("key", flat=True)) if dead else set()
    free = max(OPEN_AT_ONCE - len(still_open & dead.keys()), 0)
    new = [key for key in dead if key not in told][:free]
    for key in new:
        with transaction.atomic():
            row = model._default_manager.get(pk=dead[key])
            tell_owner(key, _sentence(row), at=at, needs_him=True)
    return len(new)


def _given_up(model: type[Claimable]) -> QuerySet[Any]:
    # Few rows have a time at all, and that is what the index is of.
    rows: QuerySet[Any] = model._default_manager.filter(due_at__gt=_LONG_AGO)
    if model is Mail:
        rows = rows.exclude(to=[settings.OWNER_EMAIL])  # no mail about mails that do not arrive
    return rows.filter(dead_at__isnull=False)


def _sentence(row: Claimable) -> str:
    kind = row._meta.verbose_name
    error = redact(row.last_error[:300])
    return f"The {kind} {row} was given up after {row.attempts} tries: {error}. {_page(row)}"


def _page(row: Claimable) -> str:
    try:
        path = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return ""
    return f"Once the cause is gone, let it try again: {settings.BASE_URL}{path}"
