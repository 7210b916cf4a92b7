"""Who wants to hear of new releases."""

from django.db import models

from licenses.models.catalog import Product
from licenses.models.people import User


class NewsReader(models.Model):
    """A person who wants a mail when something new of a product is released, from `since` on."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    product = models.ForeignKey(Product, models.CASCADE, related_name="+")
    since = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "product"], name="news_once_per_product")
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.product}"
