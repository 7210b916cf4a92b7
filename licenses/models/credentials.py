"""Secrets of customers' machines."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from licenses.models.people import Customer
from licenses.models.rights import License
from outbox.claims import Claimable, ClaimableManager


class CredentialQuerySet(models.QuerySet["Credential"]):
    def usable(self, at: datetime) -> Self:
        """Credentials that open the door at the time *at*."""
        alive = Q(expires_at__isnull=True) | Q(expires_at__gt=at)
        return self.filter(alive, revoked_at__isnull=True)


class Credential(models.Model):
    """A secret that a customer's machines sign in with. Only its digest is stored."""

    class Kind(models.TextChoices):
        INDEX = "index"
        LEASE = "lease"

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="credentials")
    kind = models.CharField(max_length=5, choices=Kind.choices, default=Kind.INDEX)
    # A lease credential leases the threads of one license; an index credential opens the index for
    # all licenses of the customer.
    license = models.ForeignKey(
        License, models.PROTECT, null=True, blank=True, related_name="lease_credentials"
    )
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the secret, in hex")
    hint = models.CharField(max_length=4, help_text="the secret's last four characters")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    first_used_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="within five minutes")
    last_client = models.CharField(max_length=80, blank=True, help_text="e.g. pip/26.3")
    last_network = models.CharField(
        max_length=43, blank=True, default="", db_default="", help_text="e.g. 192.0.2.0/24"
    )
    # What it is limited to (licenses.scopes); empty: nothing.
    products = models.JSONField(
        default=list, db_default=[], blank=True, help_text="slugs of products"
    )
    versions = models.CharField(
        max_length=80, blank=True, default="", db_default="", help_text="e.g. <4 (PEP 440)"
    )
    networks = models.JSONField(
        default=list, db_default=[], blank=True, help_text="e.g. 192.0.2.0/24"
    )
    # Rotation: the old one works until it expires; whoever still uses it then is told its name.
    successor = models.OneToOneField(
        "self", models.SET_NULL, null=True, blank=True, related_name="predecessor"
    )
    rotated_at = models.DateTimeField(null=True, blank=True)
    revoked_for = models.CharField(
        max_length=80, blank=True, default="", db_default="", help_text="e.g. leaked"
    )
    alarmed_on = models.DateField(
        null=True, blank=True, help_text="told that it is used in unusually many networks"
    )

    objects = CredentialQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="index", license__isnull=True)
                | Q(kind="lease", license__isnull=False),
                name="lease_credential_has_license",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} (…{self.hint})"

    def is_usable(self, at: datetime) -> bool:
        """Whether it opens its door at the time *at*."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > at)


class LeakReport(models.Model):
    """Somebody found a credential in public and told us; rows are only ever added."""

    credential = models.ForeignKey(Credential, models.PROTECT, related_name="leaks")
    url = models.CharField(max_length=500, blank=True, help_text="where it was found")
    source = models.CharField(max_length=40, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["credential", "url"], name="leak_once_per_place")
        ]

    def __str__(self) -> str:
        return f"{self.credential} at {self.url}"


class CredentialNetwork(models.Model):
    """A credential was used from there on this day: an operator's networks or, where there is no
    table of operators, one network.
    """

    credential = models.ForeignKey(Credential, models.CASCADE, related_name="networks_seen")
    day = models.DateField()
    network = models.CharField(max_length=60, help_text="an operator's number or name")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["credential", "day", "network"], name="network_once_per_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.network} {self.day}"


class Diagnosis(Claimable):
    """Somebody asks what is wrong with a key, or who has the account; answered by mail only."""

    digest = models.CharField(max_length=64, blank=True, help_text="of a whole key")
    hint = models.CharField(max_length=4, blank=True, help_text="or its last four characters")
    email = models.EmailField(blank=True)
    asked_at = models.DateTimeField()

    objects = ClaimableManager()

    class Meta:
        verbose_name_plural = "diagnoses"

    def __str__(self) -> str:
        return f"{self.hint or self.email} {self.asked_at:%Y-%m-%d %H:%M}"
