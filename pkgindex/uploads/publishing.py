"""Publish a file that was received: check it, store it, write its rows."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from packaging.version import Version

from licenses.generation import raise_generation
from pkgindex.index.format import provenance_path, storage_path
from pkgindex.models import File, Project, Release, UploadToken, UsedFilename
from pkgindex.projects import open_project
from pkgindex.upload_tokens import note_upload
from pkgindex.uploads.attestations import read_attestations
from pkgindex.uploads.core_metadata import CoreMetadata, read_core_metadata
from pkgindex.uploads.filenames import check_filename
from pkgindex.uploads.form import Form, check_digests, read_form
from pkgindex.uploads.receiving import Received
from pkgindex.uploads.refusals import UploadRefused, shown
from pkgindex.uploads.sdist import read_sdist
from pkgindex.uploads.storing import Part, store
from pkgindex.uploads.wheel import read_wheel


@dataclass(frozen=True)
class _Artifact:
    """A file that was looked at and found to be what the form says."""

    filename: str
    size: int
    sha256: str
    blake2_256: str
    packagetype: File.Type
    metadata: CoreMetadata
    metadata_sha256: str  # "" for an sdist
    provenance_sha256: str  # "" without attestations

    @property
    def path(self) -> str:
        return storage_path(self.sha256, self.filename)

    @property
    def provenance_path(self) -> str:
        return provenance_path(self.path, self.provenance_sha256)


def publish_file(received: Received, *, token: UploadToken, at: datetime) -> File:
    """Publish what was received. The same bytes again give the same row, so it is safe to repeat.

    Raises UploadRefused, and then nothing was changed. The bytes are stored first, under their
    digest, and the rows are written in one transaction: a kill between the two leaves bytes that
    nothing lists, and the next try puts its own in their place.
    """
    form = read_form(received.fields.dict())  # type: ignore[arg-type]  # one value for each name
    check_digests(form, received.digests)
    check_filename(received.filename, form)
    _check_right(token, form)
    known = _find_known(received.filename, received.digests["sha256_digest"])
    if known is not None:
        return known
    provenance = read_attestations(
        str(received.fields.get("attestations", "")),
        publisher=token.publisher,
        filename=received.filename,
        sha256=received.digests["sha256_digest"],
    )
    artifact, metadata = _inspect(received, form, provenance)
    parts = [Part(artifact.path, received.file, artifact.sha256)]
    if metadata is not None:
        beside = f"{artifact.path}.metadata"
        parts.append(Part(beside, ContentFile(metadata), artifact.metadata_sha256))
    if provenance:
        content = ContentFile(provenance)
        parts.append(Part(artifact.provenance_path, content, artifact.provenance_sha256))
    store(*parts)
    return _write_rows(artifact, token=token, at=at)


def _check_right(token: UploadToken, form: Form) -> None:
    """A token for some projects publishes to these; adding projects is for those without limit.
    An archived or quarantined project takes nothing from anybody (PEP 792).
    """
    allowed = set(token.projects.values_list("normalized_name", flat=True))
    is_limited = bool(allowed) or token.publisher_id is not None
    if is_limited and form.name not in allowed:
        raise UploadRefused(f"The upload token may not publish to '{form.name}'.", 403)
    project = Project.objects.filter(normalized_name=form.name).first()
    if project is not None and not project.takes_uploads:
        raise UploadRefused(f"Project '{form.name}' is {project.status}: it takes no uploads.", 403)


def _find_known(filename: str, sha256: str) -> File | None:
    """The row of the same bytes. Raises UploadRefused if the name stands for other bytes."""
    # In this order: both rows are written at once, so a used name whose file is not there is gone.
    is_used = UsedFilename.objects.filter(filename=filename).exists()
    file = File.objects.filter(filename=filename).first()
    if file is not None and file.sha256 != sha256:
        raise UploadRefused(
            f"File already exists ({shown(filename)}, with sha256 hash '{file.sha256}')."
            " Use a different version."
        )
    if file is None and is_used:
        raise UploadRefused(
            f"The file name {shown(filename)} was used before by a file that has since been"
            " deleted. Use a different version."
        )
    return file


def _inspect(received: Received, form: Form, provenance: bytes) -> tuple[_Artifact, bytes | None]:
    """The artifact, and its core metadata if that shall be served beside it (wheels only)."""
    name, size = received.filename, received.size
    is_wheel = form.packagetype == File.Type.WHEEL
    content = (
        read_wheel(received.file, size=size, form=form)
        if is_wheel
        else read_sdist(received.file, size=size, filename=name)
    )
    artifact = _Artifact(
        filename=name,
        size=size,
        sha256=received.digests["sha256_digest"],
        blake2_256=received.digests["blake2_256_digest"],
        packagetype=form.packagetype,
        metadata=read_core_metadata(content, form),
        metadata_sha256=hashlib.sha256(content).hexdigest() if is_wheel else "",
        provenance_sha256=hashlib.sha256(provenance).hexdigest() if provenance else "",
    )
    return artifact, content if is_wheel else None


@transaction.atomic
def _write_rows(artifact: _Artifact, *, token: UploadToken, at: datetime) -> File:
    project = open_project(artifact.metadata.name, at=at)
    # Two uploads to one project wait for each other, so the look below is still true at the end.
    Project.objects.select_for_update().get(pk=project.pk)
    known = _find_known(artifact.filename, artifact.sha256)
    if known is not None:
        return known
    UsedFilename.objects.create(
        filename=artifact.filename, sha256=artifact.sha256, first_used_at=at
    )
    raise_generation(of_rights=False)
    note_upload(token.pk, at=at)  # after the number, which a new project has raised already
    _check_stored(artifact)
    release = _open_release(project, artifact.metadata.version, at=at)
    if artifact.packagetype == File.Type.SDIST:
        _check_only_sdist(release)
    return File.objects.create(
        release=release,
        filename=artifact.filename,
        packagetype=artifact.packagetype,
        size=artifact.size,
        sha256=artifact.sha256,
        blake2_256=artifact.blake2_256,
        requires_python=artifact.metadata.requires_python,
        metadata_sha256=artifact.metadata_sha256,
        provenance_sha256=artifact.provenance_sha256,
        uploaded_at=at,
    )


def _check_stored(artifact: _Artifact) -> None:
    """What a killed upload left there may have been swept away (sweeping.py) since we found it."""
    names = [artifact.path]
    if artifact.metadata_sha256:
        names.append(f"{artifact.path}.metadata")
    if artifact.provenance_sha256:
        names.append(artifact.provenance_path)
    if not all(map(default_storage.exists, names)):
        raise UploadRefused("The file was cleared away meanwhile, upload it again.", 503)


def _check_only_sdist(release: Release) -> None:
    """Two of them (1.0 and 1.0.0 are one release) would differ, and installers take either."""
    other = release.files.filter(packagetype=File.Type.SDIST).first()
    if other is not None:
        raise UploadRefused(f"A release has one sdist only; this one has {shown(other.filename)}.")


def _open_release(project: Project, version: Version, *, at: datetime) -> Release:
    """The release that is equal to *version*: 1.0 and 1.0.0 are one release."""
    for release in project.releases.all():
        if Version(release.version) == version:
            return release
    return Release.objects.create(
        project=project,
        version=str(version),
        released_at=at,
        is_staged=settings.STAGE_RELEASES,
    )
