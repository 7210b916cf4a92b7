"""Keys that sign: their private halves are sealed, for they must be read again."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone


class SigningKeyQuerySet(models.QuerySet["SigningKey"]):
    def signing(self, at: datetime) -> Self:
        """Keys that may sign at the time *at*, newest first."""
        alive = Q(not_after__gt=at, not_before__lte=at, revoked_at__isnull=True)
        return self.filter(alive).order_by("-not_before", "-pk")


class SigningKey(models.Model):
    """A key that signs documents or leases, certified by a root key."""

    class Use(models.TextChoices):
        LICENSE = "license"
        LEASE = "lease"

    kid = models.CharField(max_length=16, unique=True)
    use = models.CharField(max_length=7, choices=Use.choices)
    cert = models.TextField(help_text="kid, public key, use and dates, signed by a root key")
    sealed_private = models.TextField(help_text="encrypted with SECRET_KEY")
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = SigningKeyQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.kid} ({self.use})"


class RevokedKeys(models.Model):
    """One row: the list of revoked signing keys, signed by a root key when it last changed."""

    ONLY = 1

    token = models.TextField()
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "revoked keys"

    def __str__(self) -> str:
        return f"list of {self.at:%Y-%m-%d}"
