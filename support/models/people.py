"""Whom our own machine has answered, and whose mailbox is dead."""

from django.db import models


class AutomaticAnswer(models.Model):
    """When our machine last wrote to an address by itself; what keeps two robots apart."""

    address = models.CharField(max_length=320, unique=True)
    answered_at = models.DateTimeField(db_index=True, help_text="any automatic answer")
    pointed_at = models.DateTimeField(null=True, blank=True, help_text="the strangers' pointer")

    def __str__(self) -> str:
        return self.address


class BouncingAddress(models.Model):
    """An address that refused mail for good. Access is never affected."""

    address = models.CharField(max_length=320, unique=True)
    since = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name_plural = "bouncing addresses"

    def __str__(self) -> str:
        return self.address
