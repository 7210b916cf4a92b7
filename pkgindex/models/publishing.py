"""Who may publish: whoever has an upload token, and jobs of a trusted repository, which get one."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from pkgindex.models.catalog import Project


class TrustedPublisherQuerySet(models.QuerySet["TrustedPublisher"]):
    def usable(self) -> Self:
        return self.filter(revoked_at__isnull=True)


class TrustedPublisher(models.Model):
    """A workflow whose jobs may publish without a stored secret: they prove who they are (OIDC)."""

    class Kind(models.TextChoices):
        GITHUB = "github", "GitHub Actions"
        GITLAB = "gitlab", "GitLab CI"

    kind = models.CharField(max_length=6, choices=Kind.choices, default=Kind.GITHUB)
    issuer = models.CharField(
        max_length=200,
        blank=True,
        validators=[URLValidator(schemes=["https", "http"])],
        help_text="empty: that of github.com or gitlab.com; your own GitLab: its URL",
    )
    repository = models.CharField(max_length=200, help_text="owner/name, or the path at GitLab")
    workflow = models.CharField(
        max_length=200,
        help_text="release.yml, the file in .github/workflows; GitLab: .gitlab-ci.yml",
    )
    environment = models.CharField(
        max_length=100, blank=True, help_text="the job must run in it; empty: in any"
    )
    projects = models.ManyToManyField(
        Project, related_name="+", help_text="publishes only these, which must be there already"
    )
    # Whoever takes over a name that its owner gave up has another id: the first one is kept.
    repository_id = models.CharField(max_length=40, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = TrustedPublisherQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.workflow} of {self.repository}"

    def clean(self) -> None:
        self.issuer = (self.issuer or _ISSUERS.get(self.kind, "")).rstrip("/")
        self.repository = self.repository.strip("/")
        if not self.issuer.startswith("https://") and not settings.RELAXED:
            raise ValidationError({"issuer": "It must begin with https://."})

    @property
    def keys_url(self) -> str:
        """Where the issuer shows the keys that it signs with."""
        return self.issuer + _KEYS[self.kind]


_ISSUERS: dict[str, str] = {
    TrustedPublisher.Kind.GITHUB: "https://token.actions.githubusercontent.com",
    TrustedPublisher.Kind.GITLAB: "https://gitlab.com",
}
_KEYS: dict[str, str] = {
    TrustedPublisher.Kind.GITHUB: "/.well-known/jwks",
    TrustedPublisher.Kind.GITLAB: "/oauth/discovery/keys",
}


class UploadTokenQuerySet(models.QuerySet["UploadToken"]):
    def usable(self, at: datetime) -> Self:
        """Tokens that may publish at the time *at*."""
        alive = Q(expires_at__isnull=True) | Q(expires_at__gt=at)
        return self.filter(alive, revoked_at__isnull=True)


class UploadToken(models.Model):
    """A secret that publishes files. Only its digest is stored."""

    name = models.CharField(max_length=80, help_text='where it is used, e.g. "laptop"')
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=4, editable=False, help_text="its last four characters")
    projects = models.ManyToManyField(
        Project,
        related_name="+",
        blank=True,
        help_text="publishes only these; empty: all, and it may add new projects",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    publisher = models.ForeignKey(
        TrustedPublisher, models.PROTECT, related_name="tokens", null=True, editable=False
    )
    # The digest of the identity it was given for; unique, so that each identity is good once.
    minted_from = models.CharField(max_length=64, null=True, unique=True, editable=False)  # noqa: DJ001  null is not unique

    objects = UploadTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} (…{self.hint})"
