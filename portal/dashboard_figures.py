"""One figure of the owner's: its number, what it means, and where its rows are."""

from dataclasses import dataclass
from datetime import date

from django.urls import reverse


@dataclass(frozen=True)
class Figure:
    name: str
    value: str
    meaning: str
    rows: str = "portal:dashboard_arr"  # a URL's name
    color: str = ""
    month: date | None = None  # which the URL names

    @property
    def url(self) -> str:
        args = [self.month.year, self.month.month] if self.month else []
        return reverse(self.rows, args=args)


def percent(value: float | None) -> str:
    """`12.3%`; a dash for None."""
    return "-" if value is None else f"{value:.1%}"
