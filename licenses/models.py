"""Who the customers are, what is sold, and what each may do. Nothing of Stripe, files, tickets."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q
from django.utils import timezone


def normalize_email(address: str) -> str:
    """The form in which addresses are stored and compared: trimmed and lower case."""
    return address.strip().lower()


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=normalize_email(username or ""))


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in: by a mailed code, so whoever is signed in has proven the address."""

    email = models.EmailField(unique=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(email=models.functions.Lower("email")), name="user_email_lower"
            )
        ]

    def __str__(self) -> str:
        return self.email


class CustomerQuerySet(models.QuerySet["Customer"]):
    def of_user(self, user: User) -> Self:
        """Customers that this person is a contact of."""
        return self.filter(contacts__user=user).distinct()


class Customer(models.Model):
    """Who pays: an organization. Its people are contacts; one address is never one customer."""

    name = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = CustomerQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name or f"customer {self.pk}"


class Contact(models.Model):
    """A person of a customer: signs in, gets mail, or both."""

    class Role(models.TextChoices):
        OWNER = "owner"
        BILLING = "billing"
        TECHNICAL = "technical"

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="contacts")
    user = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.OWNER)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer", "email"], name="contact_once_per_customer"),
            models.CheckConstraint(
                condition=Q(email=models.functions.Lower("email")), name="contact_email_lower"
            ),
        ]

    def __str__(self) -> str:
        return self.email


class Product(models.Model):
    """Something that is sold, e.g. Hare."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=80)
    summary = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return self.name


class Tier(models.Model):
    """A level of a product: what it grants."""

    product = models.ForeignKey(Product, models.PROTECT, related_name="tiers")
    slug = models.SlugField()
    name = models.CharField(max_length=80)
    summary = models.CharField(max_length=200, blank=True)
    rank = models.PositiveSmallIntegerField(default=0, help_text="order on the pricing page")
    features = models.JSONField(default=list, blank=True, help_text="list of feature names")
    threads_per_unit = models.PositiveIntegerField(
        null=True, blank=True, help_text="threads that one unit of quantity allows; empty: no limit"
    )
    tickets_per_quarter = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["product", "rank"]
        constraints = [
            models.UniqueConstraint(fields=["product", "slug"], name="tier_once_per_product")
        ]

    def __str__(self) -> str:
        return f"{self.product.name} {self.name}"

    def threads_for(self, quantity: int) -> int | None:
        """Threads that *quantity* units allow; None means no limit."""
        return None if self.threads_per_unit is None else self.threads_per_unit * quantity


class LicenseQuerySet(models.QuerySet["License"]):
    def held_by(self, customers: Iterable[Customer]) -> Self:
        return self.filter(customer__in=customers)


class License(models.Model):
    """A right to run one product, held by one customer."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"  # a dispute is open; comes back when it is won
        LAPSED = "lapsed"  # paid time over; keeps what it paid for
        REVOKED = "revoked"  # refund or abuse; never comes back

    class Kind(models.TextChoices):
        ORGANIZATION = "organization"  # unlimited
        LIMITED = "limited"  # by threads
        SITE = "site"  # unlimited
        EVALUATION = "evaluation"  # free, dated
        COMPLIMENTARY = "complimentary"  # a gift

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="licenses")
    tier = models.ForeignKey(Tier, models.PROTECT, related_name="licenses")
    kind = models.CharField(max_length=13, choices=Kind.choices)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.ACTIVE)
    threads = models.PositiveIntegerField(null=True, blank=True, help_text="empty: no limit")
    paid_through = models.DateTimeField(help_text="end of the paid time, exclusive")
    updates_until = models.DateTimeField(
        help_text="once lapsed, releases up to this moment stay installable"
    )
    # Who asked for it, e.g. "stripe:sub_123" or "owner:gift-7". Unique, so that the
    # same purchase told twice gives one license.
    source = models.CharField(max_length=80, unique=True)
    rev = models.PositiveIntegerField(default=1, help_text="raised by every change; newest wins")
    created_at = models.DateTimeField(default=timezone.now)

    objects = LicenseQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.tier} ({self.source})"

    @property
    def is_active(self) -> bool:
        return self.status == self.Status.ACTIVE


class LicenseEvent(models.Model):
    """What happened to a license; rows are only ever added."""

    license = models.ForeignKey(License, models.PROTECT, related_name="events")
    name = models.CharField(max_length=40, help_text="issued, renewed, lapsed, …")
    reason = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M}"


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
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the secret, in hex")
    hint = models.CharField(max_length=4, help_text="the secret's last four characters")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="within five minutes")
    last_client = models.CharField(max_length=80, blank=True, help_text="e.g. pip/26.3")

    objects = CredentialQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} (…{self.hint})"


class Generation(models.Model):
    """One row: how often the rights changed (licenses.generation)."""

    ONLY = 1

    number = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.number)
