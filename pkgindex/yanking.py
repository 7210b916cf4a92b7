"""Yank a release or a single file, and take it back. Nothing that was published is deleted."""

from datetime import datetime

from django.db import transaction

from licenses.generation import raise_generation
from pkgindex.models import File, Release


def yank_release(release_id: int, *, reason: str = "", at: datetime) -> None:
    """Unpinned installs pass the release over, pinned ones print *reason* (PEP 592).

    Told twice, the first moment stands and the last reason is shown.
    """
    _yank(Release, release_id, reason, at)


def yank_file(file_id: int, *, reason: str = "", at: datetime) -> None:
    """As yank_release, for one file: a wheel that was built wrong."""
    _yank(File, file_id, reason, at)


def unyank_release(release_id: int) -> None:
    """Offer the release again; files that were yanked by themselves stay yanked."""
    _unyank(Release, release_id)


def unyank_file(file_id: int) -> None:
    _unyank(File, file_id)


@transaction.atomic
def _yank(model: type[Release] | type[File], number: int, reason: str, at: datetime) -> None:
    model.objects.filter(pk=number, yanked_at__isnull=True).update(yanked_at=at)
    model.objects.filter(pk=number).update(yank_reason=reason)
    raise_generation(of_rights=False)


@transaction.atomic
def _unyank(model: type[Release] | type[File], number: int) -> None:
    model.objects.filter(pk=number).update(yanked_at=None, yank_reason="")
    raise_generation(of_rights=False)
