"""What is in the index: projects, their releases and files, and how often they are fetched."""

from datetime import datetime
from typing import Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from packaging.utils import InvalidName, canonicalize_name

from pkgindex.index.format import provenance_path, storage_path


def is_normalized(field: str) -> Q:
    """The condition that *field* holds a name as PEP 503 normalizes it."""
    odd = Q(**{f"{field}__contains": "_"}) | Q(**{f"{field}__contains": "."})
    return Q(**{field: Lower(field)}) & ~odd & ~Q(**{f"{field}__contains": "--"})


def normalize_name(name: str) -> str:
    """*name* as PEP 503 normalizes it; raises ValidationError if it cannot be a project's."""
    try:
        return canonicalize_name(name, validate=True)
    except InvalidName as error:
        raise ValidationError(str(error)) from error


class Project(models.Model):
    """A name of ours. It is never passed on to another index, whoever asks for it."""

    class Status(models.TextChoices):
        """The project status markers of PEP 792."""

        ACTIVE = "active"
        DEPRECATED = "deprecated"  # nobody should begin to use it; works as before
        ARCHIVED = "archived"  # takes no uploads; downloads stay
        QUARANTINED = "quarantined"  # takes no uploads and offers no files

    name = models.CharField(max_length=100, help_text="as its author spells it")
    normalized_name = models.CharField(max_length=100, unique=True, editable=False)
    tiers = models.ManyToManyField(
        "licenses.Tier", related_name="+", blank=True, help_text="licenses of these tiers grant it"
    )
    is_public = models.BooleanField(default=False, help_text="anybody may install it, without key")
    status = models.CharField(
        max_length=11,
        choices=Status.choices,
        default=Status.ACTIVE,
        db_default=Status.ACTIVE,
        help_text="archived: no uploads; quarantined: no uploads, and no file is offered",
    )
    status_reason = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text="shown to installers"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["normalized_name"]
        constraints = [
            models.CheckConstraint(
                condition=is_normalized("normalized_name"), name="project_name_normalized"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        self.normalized_name = normalize_name(self.name)

    @property
    def takes_uploads(self) -> bool:
        return self.status not in {self.Status.ARCHIVED, self.Status.QUARANTINED}


class ReservedNameQuerySet(models.QuerySet["ReservedName"]):
    def covering(self, name: str) -> Self:
        """Reservations of the normalized *name*: its own, or that of a prefix."""
        parts = name.split("-")
        starts = ["-".join(parts[:count]) for count in range(1, len(parts) + 1)]
        return self.filter(Q(normalized_name=name) | Q(is_prefix=True, normalized_name__in=starts))


class ReservedName(models.Model):
    """A name that shall never be passed on to another index, though nothing is published yet."""

    normalized_name = models.CharField(max_length=100, unique=True)
    is_prefix = models.BooleanField(
        default=False, help_text="reserves every name that begins with it and a hyphen, too"
    )

    objects = ReservedNameQuerySet.as_manager()

    class Meta:
        ordering = ["normalized_name"]
        constraints = [
            models.CheckConstraint(
                condition=is_normalized("normalized_name"), name="reserved_name_normalized"
            )
        ]

    def __str__(self) -> str:
        return f"{self.normalized_name}-*" if self.is_prefix else self.normalized_name

    def clean(self) -> None:
        self.normalized_name = normalize_name(self.normalized_name)


class Release(models.Model):
    """A version of a project. It is never deleted; a bad one is yanked."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="releases")
    version = models.CharField(max_length=100, help_text="in the canonical form of PEP 440")
    is_staged = models.BooleanField(
        default=False, db_default=False, help_text="not offered to anybody until you release it"
    )
    released_at = models.DateTimeField(default=timezone.now)
    backported_to = models.DateTimeField(
        null=True,
        blank=True,
        help_text="counts as released at this moment for lapsed licenses, e.g. a security fix",
    )
    yanked_at = models.DateTimeField(null=True, blank=True)
    yank_reason = models.CharField(max_length=200, blank=True)
    changelog = models.TextField(
        blank=True, default="", db_default="", help_text="what changed, in the customer's words"
    )

    announced_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="whoever asked for news was mailed"
    )

    class Meta:
        ordering = ["-released_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["project", "version"], name="release_once_per_project"),
            models.CheckConstraint(
                condition=Q(yank_reason="") | Q(yanked_at__isnull=False),
                name="release_yank_reason_only_if_yanked",
                violation_error_message="A reason needs the moment of the yank beside it.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.project.name} {self.version}"

    @property
    def counts_from(self) -> datetime:
        """The moment of release as a lapsed license sees it."""
        return counting_moment(self.released_at, self.backported_to)


def counting_moment(released_at: datetime, backported_to: datetime | None) -> datetime:
    """A backport date makes a release count as earlier, never as later."""
    return min(released_at, backported_to or released_at)


class File(models.Model):
    """One wheel or sdist; its bytes lie in the storage under their SHA-256."""

    class Type(models.TextChoices):
        SDIST = "sdist"
        WHEEL = "bdist_wheel"

    release = models.ForeignKey(Release, models.PROTECT, related_name="files")
    filename = models.CharField(max_length=200, unique=True)
    packagetype = models.CharField(max_length=11, choices=Type.choices)
    size = models.PositiveBigIntegerField(help_text="bytes")
    sha256 = models.CharField(max_length=64, db_index=True)
    blake2_256 = models.CharField(max_length=64)
    requires_python = models.CharField(max_length=200, blank=True)
    metadata_sha256 = models.CharField(
        max_length=64, blank=True, help_text="of the core metadata beside a wheel; empty: none"
    )
    provenance_sha256 = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="of the attestations beside it (PEP 740); empty: none",
    )
    uploaded_at = models.DateTimeField(default=timezone.now)
    yanked_at = models.DateTimeField(null=True, blank=True)
    yank_reason = models.CharField(max_length=200, blank=True, default="", db_default="")

    class Meta:
        ordering = ["-uploaded_at", "filename"]
        constraints = [
            models.CheckConstraint(
                condition=Q(yank_reason="") | Q(yanked_at__isnull=False),
                name="file_yank_reason_only_if_yanked",
                violation_error_message="A reason needs the moment of the yank beside it.",
            ),
        ]

    def __str__(self) -> str:
        return self.filename

    @property
    def path(self) -> str:
        """Where the storage keeps the bytes; the core metadata lies beside, with `.metadata`."""
        return storage_path(self.sha256, self.filename)

    @property
    def paths(self) -> list[str]:
        """All that the storage may keep for it."""
        beside = [f"{self.path}.metadata"]
        if self.provenance_sha256:
            beside.append(provenance_path(self.path, self.provenance_sha256))
        return [self.path, *beside]


class UsedFilename(models.Model):
    """A file name that was once published; it never names other bytes, even after a deletion."""

    filename = models.CharField(max_length=200, unique=True)
    sha256 = models.CharField(max_length=64)
    first_used_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.filename


class Download(models.Model):
    """How often a customer fetched a file with a client on a day (UTC)."""

    day = models.DateField()
    file = models.ForeignKey(File, models.PROTECT, related_name="downloads")
    customer = models.ForeignKey(
        "licenses.Customer",
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="empty: a stranger, of a public project",
    )
    client = models.CharField(max_length=80, blank=True, help_text="e.g. pip/26.3")
    count = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-day", "file"]
        constraints = [
            models.UniqueConstraint(
                fields=["day", "file", "customer", "client"], name="download_once_per_day"
            ),
            models.UniqueConstraint(
                fields=["day", "file", "client"],
                condition=Q(customer__isnull=True),
                name="download_once_per_day_by_strangers",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file} {self.day}"


class UsageSpool(models.Model):
    """How far a process's notes of uses were folded into the database (pkgindex.usage)."""

    name = models.CharField(max_length=80, unique=True)
    folded_bytes = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return self.name
