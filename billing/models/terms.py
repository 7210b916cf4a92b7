"""The license text, in each of the versions that somebody bought under."""

from typing import Self

from django.db import models

VERSION_DIGITS = 12  # of the digest


class LicenseTextQuerySet(models.QuerySet["LicenseText"]):
    def of_version(self, version: str) -> Self:
        is_whole = len(version) == VERSION_DIGITS
        return self.filter(digest__startswith=version) if is_whole else self.none()


class LicenseText(models.Model):
    """A version of the text; rows are only ever added."""

    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the text, in hex")
    text = models.TextField(help_text="Markdown, as it was shown")
    since = models.DateTimeField(help_text="when it was first bought under")

    objects = LicenseTextQuerySet.as_manager()

    class Meta:
        ordering = ["-since", "-pk"]

    def __str__(self) -> str:
        return self.version

    @property
    def version(self) -> str:
        """What its address is made of."""
        return self.digest[:VERSION_DIGITS]
