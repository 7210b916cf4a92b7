"""Releases that wait for the owner's hand: uploaded and checked, and offered to nobody yet."""

from datetime import datetime

from django.db import transaction

from licenses.generation import raise_generation
from pkgindex.models import Release


@transaction.atomic
def release_staged(release_id: int, *, at: datetime) -> bool:
    """Offer all files of a staged release from now on; whether it was staged.

    Told twice, the first moment stands: it decides who is entitled to the release.
    """
    staged = Release.objects.filter(pk=release_id, is_staged=True)
    if not staged.update(is_staged=False, released_at=at):
        return False
    raise_generation(of_rights=False)
    return True
