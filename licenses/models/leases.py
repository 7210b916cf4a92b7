"""The ledger of threads: rows of the `volatile` database (licenses.routers).

No foreign key crosses to the other database. What is lost here is rebuilt by the next renewals.
"""

from datetime import datetime

from django.db import models
from django.db.models import Q

SURGE_SECONDS = 3600.0  # how long a pool may go to twice its limit; refilled in a day


class LeasePool(models.Model):
    """One license's threads: the row that is locked whenever the sums may change."""

    license_id = models.BigIntegerField(primary_key=True)
    # Taken over from the license when its rev is newer.
    limit = models.PositiveIntegerField(null=True, help_text="empty: no limit")
    license_rev = models.PositiveIntegerField(default=0)
    # As of the last time somebody counted under the lock.
    firm = models.PositiveIntegerField(default=0)
    surge = models.PositiveIntegerField(default=0)
    leases = models.PositiveIntegerField(default=0)
    surge_until = models.DateTimeField(null=True, help_text="a surge runs until then at most")
    surge_left_s = models.FloatField(default=SURGE_SECONDS, help_text="at surge_counted_at")
    surge_counted_at = models.DateTimeField(null=True)
    over_since = models.DateTimeField(null=True, help_text="more than the limit, without a break")
    over_mails = models.PositiveSmallIntegerField(default=0)
    over_mailed_at = models.DateTimeField(null=True)
    is_draining = models.BooleanField(default=False, help_text="shrinks back to the limit")
    level_told = models.PositiveSmallIntegerField(default=0, help_text="80, 100 or 110 %")
    looked_at = models.DateTimeField(null=True, help_text="by lease_duties")

    class Meta:
        indexes = [models.Index(fields=["looked_at"], name="leasepool_looked_at")]

    def __str__(self) -> str:
        return f"pool of license {self.license_id}"


class Lease(models.Model):
    """Threads that one process of a customer holds until `expires_at`."""

    license_id = models.BigIntegerField()
    iid = models.UUIDField(help_text="made by the process after its fork")
    slot = models.CharField(max_length=80, blank=True, help_text="host and ordinal: one process")
    env = models.CharField(max_length=20)
    is_counted = models.BooleanField(help_text="production; anything else is free")
    threads = models.PositiveIntegerField(help_text="as many were wanted")
    firm = models.PositiveIntegerField()
    surge = models.PositiveIntegerField()
    expires_at = models.DateTimeField()
    acquired_at = models.DateTimeField()
    package = models.CharField(max_length=60, blank=True, help_text="e.g. hare-ent/2.1.0")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["license_id", "iid"], name="lease_once_per_process"),
            models.CheckConstraint(
                condition=Q(threads__gte=models.F("firm") + models.F("surge")),
                name="lease_within_wanted",
            ),
        ]
        indexes = [models.Index(fields=["license_id", "expires_at"], name="lease_of_license")]

    def __str__(self) -> str:
        return f"{self.iid} {self.firm}+{self.surge}"

    def is_live(self, at: datetime) -> bool:
        return self.expires_at > at


class LeaseHour(models.Model):
    """What one license used in one hour: the peaks, and what was refused."""

    license_id = models.BigIntegerField()
    hour = models.DateTimeField()
    peak = models.PositiveIntegerField(default=0, help_text="threads in production, with surge")
    peak_surge = models.PositiveIntegerField(default=0)
    peak_free = models.PositiveIntegerField(default=0, help_text="threads outside production")
    processes = models.PositiveIntegerField(default=0)
    wanted = models.PositiveIntegerField(default=0, help_text="the most that was wanted at once")
    refused = models.PositiveIntegerField(default=0, help_text="answers that gave fewer threads")
    # Why: these add up to `refused`.
    over_limit = models.PositiveIntegerField(default=0, db_default=0)
    drained = models.PositiveIntegerField(
        default=0, db_default=0, help_text="while the pool shrank to its limit"
    )
    over_free = models.PositiveIntegerField(default=0, db_default=0, help_text="outside production")
    not_active = models.PositiveIntegerField(
        default=0, db_default=0, help_text="suspended or revoked"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["license_id", "hour"], name="lease_hour_once")
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}: {self.peak}"
