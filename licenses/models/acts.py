"""What the owner did, and why. Rows are only ever added: the database refuses anything else."""

from django.db import models

from licenses.models.people import User


class OwnerAct(models.Model):
    """One act of the owner's, written before it is done: a crash leaves an act too many, never
    one too few.
    """

    at = models.DateTimeField()
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    act = models.CharField(max_length=80, help_text="e.g. change billing.price")
    about = models.CharField(max_length=500, blank=True, help_text="which rows")
    reason = models.CharField(max_length=200, blank=True)
    path = models.CharField(max_length=200)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["at"], name="ownact_at")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.act}"
