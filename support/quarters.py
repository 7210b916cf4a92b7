"""Calendar quarters in UTC: one rule that everybody can check."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Quarter:
    year: int
    number: int  # 1 to 4

    @property
    def starts_at(self) -> datetime:
        return datetime(self.year, 3 * self.number - 2, 1, tzinfo=UTC)

    @property
    def ends_at(self) -> datetime:
        """The first moment that is no longer in it."""
        following = Quarter(self.year + self.number // 4, self.number % 4 + 1)
        return following.starts_at

    def __str__(self) -> str:
        return f"Q{self.number} {self.year}"


def quarter_of(at: datetime) -> Quarter:
    moment = at.astimezone(UTC)
    return Quarter(moment.year, (moment.month + 2) // 3)
