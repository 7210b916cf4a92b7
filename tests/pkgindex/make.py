"""Projects, releases and files for tests, with real bytes in the storage."""

import hashlib
from collections.abc import Iterable
from datetime import datetime

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from licenses.models import Tier
from pkgindex.models import File, Project, Release, UploadToken
from pkgindex.projects import define_project
from pkgindex.upload_tokens import create_upload_token
from tests.pkgindex.wheels import build_wheel, metadata_text, wheel_name


def make_project(
    name: str = "hare-pro", *, tiers: Iterable[Tier] = (), is_public: bool = False
) -> Project:
    return define_project(
        name, at=timezone.now(), tier_ids=[tier.pk for tier in tiers], is_public=is_public
    )


def make_release(
    project: Project,
    version: str = "1.0",
    *,
    released_at: datetime | None = None,
    backported_to: datetime | None = None,
    yank_reason: str | None = None,
) -> Release:
    """A release without files; yanked if there is a reason, even an empty one."""
    return Release.objects.create(
        project=project,
        version=version,
        released_at=released_at or timezone.now(),
        backported_to=backported_to,
        yanked_at=None if yank_reason is None else timezone.now(),
        yank_reason=yank_reason or "",
    )


def make_file(release: Release, *, requires_python: str = "", padding: int = 0) -> File:
    """The wheel of a release, with so many bytes of *padding* in it."""
    name, version = release.project.normalized_name, release.version
    text = metadata_text(name, version, requires_python=requires_python)
    content = build_wheel(name, version, text, padding=padding)
    file = File.objects.create(
        release=release,
        filename=wheel_name(name, version),
        packagetype=File.Type.WHEEL,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        blake2_256=hashlib.blake2b(content, digest_size=32).hexdigest(),
        requires_python=requires_python,
        metadata_sha256=hashlib.sha256(text.encode()).hexdigest(),
    )
    default_storage.save(file.path, ContentFile(content))
    default_storage.save(f"{file.path}.metadata", ContentFile(text.encode()))
    return file


def add_provenance(file: File) -> None:
    """As if the file had been uploaded with attestations, though there are none."""
    content = b'{"version": 1, "attestation_bundles": []}'
    file.provenance_sha256 = hashlib.sha256(content).hexdigest()
    file.save(update_fields=["provenance_sha256"])
    default_storage.save(file.paths[-1], ContentFile(content))


def make_upload_token(*projects: Project) -> tuple[UploadToken, str]:
    return create_upload_token(
        "laptop", at=timezone.now(), project_ids=[project.pk for project in projects]
    )


def url_of(file: File) -> str:
    return f"/files/{file.sha256[:16]}/{file.filename}"
