"""The snapshots that the owner's dashboard is drawn from: history does not change silently."""

from django.db import models


class DailyMetric(models.Model):
    """What the business was worth when the day (UTC) began, in cents a year."""

    day = models.DateField(unique=True)
    arr_cents = models.BigIntegerField()
    leaving_cents = models.BigIntegerField(help_text="of that: canceled, and not over yet")
    customers = models.PositiveIntegerField()
    kept_at = models.DateTimeField(null=True, blank=True, help_text="when this was true")
    digested_at = models.DateTimeField(
        null=True, blank=True, help_text="when it was decided whether the day is worth a mail"
    )

    class Meta:
        ordering = ["-day"]

    def __str__(self) -> str:
        return f"{self.day}"


class ArrChange(models.Model):
    """A customer's ARR from this day on, until the next such row; only written when it changed."""

    day = models.DateField()
    customer = models.ForeignKey("licenses.Customer", models.PROTECT, related_name="+")
    arr_cents = models.BigIntegerField()

    class Meta:
        ordering = ["-day", "customer"]
        constraints = [models.UniqueConstraint(fields=["day", "customer"], name="arr_once_a_day")]

    def __str__(self) -> str:
        return f"{self.day}: {self.customer}"
