"""Which form of a page a client gets: PEP 691 on the Accept header, with quality values."""

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qs

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
LEGACY_HTML = "text/html"

# What may be asked for, best first where a client likes several equally, and what it is answered
# with: "latest" MUST be answered with the real version (PEP 691, version + format selection).
# text/html stands first, so that `*/*` and old tools get what they always got.
_OFFERS = {
    LEGACY_HTML: LEGACY_HTML,
    JSON: JSON,
    HTML: HTML,
    "application/vnd.pypi.simple.latest+json": JSON,
    "application/vnd.pypi.simple.latest+html": HTML,
}
SUPPORTED = tuple(_OFFERS)


class NotAcceptable(Exception):
    """None of the forms that the client takes is one of ours: answer 406, never 300."""


@dataclass(frozen=True)
class _Range:
    """One media range of an Accept header, e.g. `text/*;q=0.5`."""

    pattern: str
    quality: float

    def specificity(self, offer: str) -> int:
        """How exactly this range means *offer*; 0 if it does not."""
        if self.pattern == offer:
            return 3
        if self.pattern == offer.partition("/")[0] + "/*":
            return 2
        return 1 if self.pattern == "*/*" else 0


@lru_cache(1024)  # clients send the same few headers again and again
def choose_form(accept: str | None, query: str) -> str:
    """The media type to answer with. `?format=` in the *query* wins over the Accept header."""
    formats = parse_qs(query).get("format")
    if formats:
        # A "+" that nobody escaped arrives as a space.
        return _offer(formats[-1].replace(" ", "+"))
    return _best(_parse(accept)) if accept else LEGACY_HTML


def _offer(name: str) -> str:
    if name not in _OFFERS:
        raise NotAcceptable(name)
    return _OFFERS[name]


def _best(ranges: list[_Range]) -> str:
    qualities = {offer: _quality(offer, ranges) for offer in _OFFERS}
    best = max(qualities, key=lambda offer: qualities[offer])  # the first of equals
    if qualities[best] <= 0:
        raise NotAcceptable(", ".join(item.pattern for item in ranges))
    return _OFFERS[best]


def _quality(offer: str, ranges: list[_Range]) -> float:
    """The quality of the range that means *offer* most exactly (RFC 9110, 12.5.1)."""
    meant = [(item.specificity(offer), item.quality) for item in ranges if item.specificity(offer)]
    return max(meant)[1] if meant else 0.0


def _parse(accept: str) -> list[_Range]:
    ranges = []
    for part in accept.split(","):
        pattern, *parameters = (piece.strip().lower() for piece in part.split(";"))
        ranges.append(_Range(pattern, _read_quality(parameters)))
    return ranges


def _read_quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0  # a range that nobody can read is a range not asked for
    return 1.0
