"""What came in from outside, byte for byte, before anybody tried to understand it."""

from django.db import models
from django.utils import timezone

from outbox.claims import Claimable, ClaimableManager
from support.models.tickets import Ticket


class RawDelivery(Claimable):
    """One delivery, stored before anything is read of it. `due_at` asks for it to be read."""

    source = models.CharField(max_length=20, help_text='the mail provider, or "pipe"')
    event_id = models.CharField(max_length=200, help_text="as the provider names it")
    sha256 = models.CharField(max_length=64, unique=True)
    content_type = models.CharField(max_length=200, help_text="of `raw`")
    raw = models.BinaryField()
    received_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        abstract = True


class InboundMail(RawDelivery):
    """A mail to us. What could not be read stays here with its error, and can be downloaded."""

    class Outcome(models.TextChoices):
        WAITING = "waiting"  # not read yet
        TICKET = "ticket"  # opened one
        MESSAGE = "message"  # joined one
        REPLY = "reply"  # the owner's answer, sent on to the customer
        STRANGER = "stranger"
        LAPSED = "lapsed"  # from a customer whose licenses have ended
        AUTOMATIC = "automatic"  # a robot's, about no ticket of his
        BOUNCE = "bounce"  # a delivery report
        QUARANTINED = "quarantined"  # a valid token or id, from somebody who may not use it
        HELD = "held"  # too many from one address
        OWN = "own"  # ours, come back
        UNREADABLE = "unreadable"

    envelope_from = models.CharField(max_length=320, blank=True)
    envelope_to = models.CharField(max_length=320, blank=True)
    # Known only where the provider tells the envelope: "<>", as delivery reports have it.
    has_null_sender = models.BooleanField(default=False)
    spam_score = models.FloatField(null=True, blank=True)

    outcome = models.CharField(max_length=11, choices=Outcome.choices, default=Outcome.WAITING)
    sender = models.CharField(max_length=320, blank=True, db_index=True)
    subject = models.CharField(max_length=200, blank=True)
    note = models.TextField(blank=True, help_text="why it went where it went; what was left out")
    ticket = models.ForeignKey(Ticket, models.SET_NULL, null=True, blank=True, related_name="mails")
    put_away_at = models.DateTimeField(
        null=True, blank=True, help_text="the owner has seen it, and needs it no more"
    )

    objects = ClaimableManager()

    class Meta:
        ordering = ["-received_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["source", "event_id"], name="mail_once_per_event")
        ]
        indexes = [
            models.Index(fields=["sender", "received_at"], name="mail_of_sender"),
            # Without it, SQLite would go through every mail's bytes to see what comes after them.
            models.Index(fields=["outcome", "received_at", "put_away_at"], name="mail_by_outcome"),
        ]

    def __str__(self) -> str:
        return f"mail {self.pk} from {self.sender or self.envelope_from or 'somebody'}"


class MailEvent(RawDelivery):
    """What a provider tells about a mail of ours: delivered, bounced, complained about."""

    note = models.CharField(max_length=200, blank=True)

    objects = ClaimableManager()

    class Meta:
        ordering = ["-received_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["source", "event_id"], name="mail_event_once")
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.event_id}"
