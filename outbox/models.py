"""Effects that must leave exactly once: one row per fact, mail first."""

from django.db import models

from outbox.claims import Claimable, ClaimableManager


class Mail(Claimable):
    """One mail that a fact calls for, written in the transaction that made the fact true."""

    # The fact, e.g. "welcome:sub_123". Unique, so that a fact told twice is mailed once.
    key = models.CharField(max_length=200, unique=True)
    to = models.JSONField(help_text="list of addresses")
    subject = models.CharField(max_length=200)
    body = models.TextField()
    headers = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text='added to the usual ones; "" leaves a usual one out',
    )
    message_id = models.CharField(
        max_length=200, blank=True, default="", db_default="", db_index=True
    )
    provider_id = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        db_index=True,
        help_text="how the mail provider names it",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    was_queued_now: bool = False  # set by queue_mail on what it returns

    sent_at = models.DateTimeField(null=True, blank=True)

    objects = ClaimableManager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.key
