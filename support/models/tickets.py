"""Tickets, what was said in them, and what came attached."""

from collections.abc import Iterable
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce, Substr
from django.utils import timezone

from licenses.models import Customer
from support.quarters import Quarter


class TicketQuerySet(models.QuerySet["Ticket"]):
    def held_by(self, customers: Iterable[Customer]) -> Self:
        """Tickets of these customers, but for those that were merged into another."""
        return self.filter(customer__in=customers, merged_into=None)

    def counted(self, customer_id: int, quarter: Quarter) -> Self:
        """Those that use up the customer's allowance of that quarter."""
        return self.filter(
            customer_id=customer_id,
            opened_at__gte=quarter.starts_at,
            opened_at__lt=quarter.ends_at,
            opened_by=Ticket.Side.CUSTOMER,
            is_exempt=False,
            merged_into=None,
        ).exclude(cause__in=Ticket.NOT_COUNTED)

    def with_first_words(self, number: int) -> Self:
        """With what was asked first, that many characters of it, as `first_words`."""
        asked = Message.objects.filter(ticket=OuterRef("pk"), kind=Message.Kind.CUSTOMER)
        first = asked.order_by("at", "pk").annotate(words=Substr("body", 1, number))
        return self.annotate(first_words=Coalesce(Subquery(first.values("words")[:1]), Value("")))

    def known_topics(self) -> models.QuerySet["Ticket", str]:
        """The owner's own words for causes, so that the next one gets the same."""
        named = self.exclude(topic="").order_by("topic")
        return named.values_list("topic", flat=True).distinct()

    def due_soonest(self) -> Self:
        """The owner's list: what waits for him, the soonest due first, then the rest."""
        waiting = self.filter(merged_into=None).exclude(status=Ticket.Status.SOLVED)
        return waiting.order_by(F("due_at").asc(nulls_last=True), "pk")


class Ticket(models.Model):
    """One matter of one customer, from the first question to the last answer."""

    class Status(models.TextChoices):
        OPEN = "open"  # waits for the owner; the clock runs
        PENDING = "pending"  # waits for the customer; the clock stands
        SOLVED = "solved"

    class Side(models.TextChoices):
        CUSTOMER = "customer"
        OWNER = "owner"

    class Match(models.TextChoices):
        CONTACT = "contact"
        DOMAIN = "domain"  # a colleague: the domain is a contact's
        PAGE = "page"  # written on our page by somebody signed in
        HAND = "hand"  # the owner said so

    class Cause(models.TextChoices):
        UNKNOWN = "", "not said"
        HOW_TO = "how-to"
        ENVIRONMENT = "environment"
        FEATURE = "feature"
        OTHER = "other"
        BUG = "bug", "our bug"
        SECURITY = "security"
        BILLING = "billing", "billing or account"

    NOT_COUNTED = (Cause.BUG, Cause.SECURITY, Cause.BILLING)

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    requester = models.EmailField(max_length=320, help_text="who gets the answers")
    requester_name = models.CharField(max_length=200, blank=True)
    subject = models.CharField(max_length=200)
    status = models.CharField(max_length=7, choices=Status.choices, default=Status.OPEN)
    opened_by = models.CharField(max_length=8, choices=Side.choices, default=Side.CUSTOMER)
    matched_by = models.CharField(max_length=7, choices=Match.choices)
    opened_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(null=True, blank=True, help_text="empty: the clock stands")
    left_seconds = models.PositiveIntegerField(
        default=0, help_text="working time that was left when the clock was stopped"
    )
    solved_at = models.DateTimeField(null=True, blank=True)
    answered_in_seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="working time until the first answer; empty: none yet"
    )
    follows = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="+")
    merged_into = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="merged"
    )
    is_exempt = models.BooleanField(default=False, help_text="does not count, by the owner's word")
    cause = models.CharField(max_length=11, choices=Cause.choices, blank=True)
    topic = models.CharField(
        max_length=80,
        blank=True,
        help_text="a few words; the same words again show a repeated cause",
    )
    task = models.CharField(
        max_length=200, blank=True, help_text="what to document or which error message to improve"
    )
    public_url = models.URLField(blank=True, help_text="where it was answered in public")

    objects = TicketQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at", "-pk"]
        indexes = [
            models.Index(fields=["customer", "opened_at"], name="ticket_of_customer"),
            models.Index(fields=["status", "due_at"], name="ticket_due"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="open", due_at__isnull=False)
                | (~Q(status="open") & Q(due_at__isnull=True)),
                name="ticket_clock_runs_while_open",
            )
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.subject}"

    @property
    def counts(self) -> bool:
        """Whether it uses up allowance, as far as its own row says."""
        return (
            self.opened_by == self.Side.CUSTOMER
            and not self.is_exempt
            and self.merged_into_id is None
            and self.cause not in self.NOT_COUNTED
        )

    def is_overdue(self, at: datetime) -> bool:
        return self.due_at is not None and self.due_at < at


class Message(models.Model):
    """What one side said, or a note of the owner's to himself."""

    class Kind(models.TextChoices):
        CUSTOMER = "customer"
        OWNER = "owner"
        NOTE = "note"  # never leaves the house
        MACHINE = "machine"  # our acknowledgement

    class Verified(models.TextChoices):
        UNKNOWN = "", "not checked"
        PASS = "pass"  # noqa: S105  a word of Authentication-Results
        FAIL = "fail"

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="messages")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    author = models.CharField(max_length=320, blank=True)
    body = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)
    is_automatic = models.BooleanField(default=False, help_text="written by a robot")
    verified = models.CharField(max_length=4, choices=Verified.choices, blank=True)
    message_id = models.CharField(max_length=250, blank=True, db_index=True)
    # Makes what was told twice one message: a form's nonce, or the mail it came by.
    key = models.CharField(max_length=80, unique=True)
    mail = models.OneToOneField(
        "support.InboundMail", models.SET_NULL, null=True, blank=True, related_name="message"
    )

    class Meta:
        ordering = ["at", "pk"]

    @property
    def is_by_a_person(self) -> bool:
        """Whether somebody at the customer's wrote it, and no robot."""
        return self.kind == self.Kind.CUSTOMER and not self.is_automatic

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"


class Attachment(models.Model):
    """A file of a message. It is only ever handed out as a download of unknown type."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="attachments")
    filename = models.CharField(max_length=150)
    size = models.PositiveIntegerField(help_text="bytes")
    stored_as = models.CharField(max_length=100, help_text="name in the private storage")

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.filename
