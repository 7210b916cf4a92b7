"""Who the customers are, and their people."""

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
    closed_at = models.DateTimeField(
        null=True, blank=True, help_text="its people closed the account; only the books are kept"
    )

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
    offered_at = models.DateTimeField(
        null=True, blank=True, help_text="was offered to become the owner, and has not answered"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer", "email"], name="contact_once_per_customer"),
            models.CheckConstraint(
                condition=Q(email=models.functions.Lower("email")), name="contact_email_lower"
            ),
        ]

    def __str__(self) -> str:
        return self.email


class EmailChange(models.Model):
    """A person signs in with another address since `at`; the old one may undo it for a while."""

    user = models.ForeignKey(User, models.CASCADE, related_name="email_changes")
    old = models.EmailField()
    new = models.EmailField()
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.old} to {self.new}"
