"""A mail's HTML as plain text, for the mails that bring nothing else."""

import re
from html.parser import HTMLParser

import nh3

_KEPT = {
    "a", "blockquote", "br", "code", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "hr", "li",
    "ol", "p", "pre", "table", "td", "th", "tr", "ul",
}  # fmt: skip
_BLOCKS = _KEPT - {"a", "code", "td", "th"}
_MAX_CHARS = 1_000_000


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._links: list[str] = []
        self._in_pre = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.pieces.append("\n")
        if tag == "li":
            self.pieces.append("- ")
        if tag == "pre":
            self._in_pre += 1
        if tag == "a":
            self._links.append(dict(attrs).get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.pieces.append("\n")
        if tag == "pre":
            self._in_pre -= 1
        if tag == "a" and self._links:
            link = self._links.pop()
            if link and link not in "".join(self.pieces[-3:]):
                self.pieces.append(f" <{link}>")

    def handle_data(self, data: str) -> None:
        self.pieces.append(data if self._in_pre else re.sub(r"\s+", " ", data))


def text_of_html(page: str) -> str:
    """The readable text; scripts, styles, images and everything remote are gone.

    nh3 comes first: what it lets through is well formed, so that the reader after it cannot be
    made slow or be led astray.
    """
    cleaned = nh3.clean(page[:_MAX_CHARS], tags=_KEPT, attributes={"a": {"href"}}, link_rel=None)
    reader = _Text()
    reader.feed(cleaned)
    reader.close()
    return re.sub(r"\n{3,}", "\n\n", "".join(reader.pieces)).strip()
