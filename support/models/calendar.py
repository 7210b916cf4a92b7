"""When the owner works."""

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q


def check_zone(name: str) -> None:
    from zoneinfo import available_timezones  # noqa: PLC0415  reads a folder

    if name not in available_timezones():
        raise ValidationError(f"{name} is not a time zone, e.g. Europe/Berlin.")


def check_country(code: str) -> None:
    from holidays import list_supported_countries  # noqa: PLC0415  loads every country

    country, _, subdivision = code.partition("-")
    known = list_supported_countries()
    if country not in known or (subdivision and subdivision not in known[country]):
        raise ValidationError(f"Holidays of {code} are not known; wanted is e.g. US or DE-BY.")


class WorkingTime(models.Model):
    """One row: the owner's hours. Without it: Monday to Friday, 9 to 17 UTC, no holidays."""

    ONLY = 1

    zone = models.CharField(max_length=60, default="UTC", validators=[check_zone])
    weekdays = models.CharField(
        max_length=7,
        default="12345",
        validators=[RegexValidator(r"^1?2?3?4?5?6?7?\Z", "Digits from 1 (Monday) to 7, in order.")],
        help_text="1 is Monday",
    )
    opens = models.PositiveSmallIntegerField(default=9, help_text="hour of the day")
    closes = models.PositiveSmallIntegerField(default=17, help_text="hour of the day, up to 24")
    country = models.CharField(
        max_length=10,
        blank=True,
        validators=[check_country],
        help_text="whose public holidays are free, e.g. US or DE-BY; empty: none",
    )

    class Meta:
        verbose_name_plural = "working time"
        constraints = [
            models.CheckConstraint(
                condition=Q(opens__lt=F("closes"), closes__lte=24), name="working_time_opens_first"
            ),
            models.CheckConstraint(condition=~Q(weekdays=""), name="working_time_has_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.opens} to {self.closes} in {self.zone}"


class Vacation(models.Model):
    """Days on which the owner does not work; promises move behind them."""

    starts_on = models.DateField()
    ends_on = models.DateField(help_text="the last day away")
    note = models.CharField(max_length=200, blank=True, help_text="shown to customers")

    class Meta:
        ordering = ["starts_on"]
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_on__lte=F("ends_on")), name="vacation_starts_first"
            )
        ]

    def __str__(self) -> str:
        return f"{self.starts_on} to {self.ends_on}"
