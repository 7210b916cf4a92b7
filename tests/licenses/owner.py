"""Where the pages of the licenses' admin are."""

from django.urls import reverse


def url(model: str, page: str = "changelist", *args: int) -> str:
    return reverse(f"admin:licenses_{model}_{page}", args=args)
