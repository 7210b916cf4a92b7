"""Put a project into the catalog, and say which tiers grant it."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from packaging.utils import canonicalize_name

from licenses.generation import raise_generation
from pkgindex.models import Project


@transaction.atomic
def define_project(
    name: str, *, at: datetime, tier_ids: Collection[int] = (), is_public: bool = False
) -> Project:
    """The project *name*, granted by exactly these tiers. Safe to repeat: the last word stands."""
    project = open_project(name, at=at)
    project.tiers.set(tier_ids)
    project.is_public = is_public
    project.save(update_fields=["is_public"])
    raise_generation(of_rights=False)
    return project


@transaction.atomic
def open_project(name: str, *, at: datetime) -> Project:
    """The project *name*; a new one is granted by no tier and not public, so nothing leaks."""
    project, is_new = Project.objects.get_or_create(
        normalized_name=canonicalize_name(name), defaults={"name": name, "created_at": at}
    )
    if is_new:
        raise_generation(of_rights=False)
    return project


@transaction.atomic
def set_project_status(project_id: int, status: str, *, reason: str = "") -> None:
    """Say how the project is (PEP 792); the reason is shown to installers."""
    Project.objects.filter(pk=project_id).update(status=status, status_reason=reason)
    raise_generation(of_rights=False)
