"""Answers that are given again and again."""

from django.db import models


class CannedReply(models.Model):
    """A text with variables in braces, e.g. {name}, {ticket}, {docs_url}."""

    slug = models.SlugField(unique=True)
    title = models.CharField(max_length=80)
    body = models.TextField()

    class Meta:
        ordering = ["title"]
        verbose_name_plural = "canned replies"

    def __str__(self) -> str:
        return self.title
