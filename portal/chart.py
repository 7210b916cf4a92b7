"""Bars as SVG, drawn on the server: no script, no third party, colours by the stylesheet."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, FLOOR = 600, 160, 24  # user units; FLOOR is the room of the labels


@dataclass(frozen=True)
class Bar:
    label: str  # under the bar
    value: int
    shown: str  # what a reader is told of it
    x: float = 0
    y: float = 0
    width: float = 0
    height: float = 0

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def bars(values: Sequence[tuple[str, int, str]], *, beside: int = 0) -> list[Bar]:
    """(label, value, shown) → bars from the floor up; what is below zero has no height.

    A line at *beside* (`line_at`) fits in, too.
    """
    highest = _highest(values, beside)
    step = WIDTH / max(len(values), 1)
    room = HEIGHT - FLOOR
    drawn = []
    for number, (label, value, shown) in enumerate(values):
        height = round(max(value, 0) / highest * room, 1)
        x, y, width = round(number * step + step * 0.1, 1), round(room - height, 1), step * 0.8
        drawn.append(Bar(label, value, shown, x, y, round(width, 1), height))
    return drawn


def line_at(values: Sequence[tuple[str, int, str]], *, beside: int) -> float:
    """How far from the top a line for the value *beside* lies."""
    return round((HEIGHT - FLOOR) * (1 - beside / _highest(values, beside)), 1)


def _highest(values: Sequence[tuple[str, int, str]], beside: int) -> int:
    return max([beside, *(value for _, value, _ in values)]) or 1
