"""One colour that the owner sets, made readable by day and by night (WCAG 2.2, 1.4.3)."""

import re

AA = 4.5  # the least contrast of text
_HEX = re.compile(r"#?([0-9a-fA-F]{6})")
Rgb = tuple[int, int, int]
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def parse_color(text: str) -> Rgb:
    """`#14633c` as three numbers; raises ValueError for anything else."""
    found = _HEX.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"a colour is written as #14633c, not {text!r}")
    number = int(found[1], 16)
    return (number >> 16, number >> 8 & 255, number & 255)


def format_color(color: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


def contrast(one: Rgb, other: Rgb) -> float:
    """From 1 (the same) to 21 (black on white)."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def readable_on(color: Rgb, background: Rgb) -> Rgb:
    """The colour, or the nearest mix with black or white whose contrast is enough for text."""
    towards = BLACK if _luminance(background) > 0.18 else WHITE
    mixes = (_mix(color, towards, part / 50) for part in range(51))
    return next(mix for mix in mixes if contrast(mix, background) >= AA)


def text_on(color: Rgb) -> Rgb:
    """Black or white, whichever reads better on the colour."""
    return WHITE if contrast(WHITE, color) >= contrast(BLACK, color) else BLACK


def _luminance(color: Rgb) -> float:
    red, green, blue = (_linear(channel / 255) for channel in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _mix(color: Rgb, other: Rgb, part: float) -> Rgb:
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(color, other, strict=True))
    return (red, green, blue)
