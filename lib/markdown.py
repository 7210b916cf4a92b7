"""The part of Markdown that our texts use, as safe HTML: no HTML of the text passes through.

Headings (`## Title {#anchor}`), paragraphs, lists (`- ` and `1. `), fenced code, and within a line
`code`, **bold**, *emphasis* and [links](/path). A library for all of Markdown would be the only
thing on these pages that needs watching.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify

_HEADING = re.compile(r"(#{1,4}) +(.+?)(?: +\{#([\w-]+)\})? *#*")
_BULLET = re.compile(r" {0,3}[-*] +(.*)")
_NUMBER = re.compile(r" {0,3}\d{1,3}[.)] +(.*)")
_INLINE = re.compile(
    r"`(?P<code>[^`\n]+)`|\*\*(?P<bold>[^*\n]+)\*\*|\*(?P<emphasis>[^*\s][^*\n]*)\*"
    r"|\[(?P<text>[^\]\n]+)\]\((?P<url>[^)\s]+)\)"
)
_SAFE_URL = re.compile(r"(?:https?://|mailto:|/(?!/)|#)")


@dataclass(frozen=True)
class Heading:
    level: int
    text: str
    anchor: str


def render_markdown(text: str, *, under: int = 0) -> SafeString:
    """The text as HTML that may stand in a page; whatever is not understood stands as it is.

    *under* makes its headings so many levels smaller, and without anchors: where many texts stand
    on one page they would clash.
    """
    return format_html_join("\n", "{}", ((_render(block, under),) for block in _blocks(text)))


def headings_of(text: str) -> list[Heading]:
    """The headings in their order, for a table of contents."""
    return [found for block in _blocks(text) if (found := _heading(block)) is not None]


def _blocks(text: str) -> Iterator[list[str]]:
    """Lines that belong together: a fence with what is in it, a heading, a list, a paragraph."""
    block: list[str] = []
    is_fenced = False
    for line in text.replace("\r\n", "\n").split("\n"):
        starts_fence = line.startswith("```")
        if is_fenced:
            block.append(line)
            is_fenced = not starts_fence
            if not is_fenced:
                yield block
                block = []
            continue
        if block and (starts_fence or not line.strip() or _begins_block(block, line)):
            yield block
            block = []
        if line.strip():
            block.append(line)
        is_fenced = starts_fence
    if block:
        yield block


def _begins_block(block: list[str], line: str) -> bool:
    """Whether *line* begins something new after the lines of *block*."""
    if _HEADING.fullmatch(line) or _HEADING.fullmatch(block[-1]):
        return True
    kind = _list_kind(line)
    return bool(kind) and kind != _list_kind(block[0])


def _list_kind(line: str) -> str:
    if _BULLET.fullmatch(line):
        return "ul"
    return "ol" if _NUMBER.fullmatch(line) else ""


def _render(block: list[str], under: int) -> SafeString:
    if block[0].startswith("```"):
        end = -1 if block[-1].startswith("```") and len(block) > 1 else None
        return format_html('<pre tabindex="0">{}</pre>', "\n".join(block[1:end]))
    if heading := _heading(block):
        level = min(heading.level + under, 6)
        anchor = format_html(' id="{}"', heading.anchor) if not under else ""
        return format_html("<h{0}{1}>{2}</h{0}>", level, anchor, _inline(heading.text))
    if kind := _list_kind(block[0]):
        items = format_html_join("", "<li>{}</li>", ((_inline(item),) for item in _items(block)))
        return format_html("<{}>{}</{}>", mark_safe(kind), items, mark_safe(kind))  # noqa: S308  ul, ol
    return format_html("<p>{}</p>", _inline("\n".join(block)))


def _heading(block: list[str]) -> Heading | None:
    found = _HEADING.fullmatch(block[0]) if len(block) == 1 else None
    if found is None:
        return None
    marks, title, anchor = found.groups()
    return Heading(len(marks), title, anchor or slugify(title))


def _items(block: list[str]) -> list[str]:
    """The items of a list; a line without a mark goes on with the item before."""
    items: list[str] = []
    for line in block:
        found = _BULLET.fullmatch(line) or _NUMBER.fullmatch(line)
        if found:
            items.append(found[1])
        else:
            items[-1] += f"\n{line.strip()}"
    return items


def _inline(text: str) -> SafeString:
    parts: list[str | SafeString] = []
    end = 0
    for found in _INLINE.finditer(text):
        parts += [text[end : found.start()], _span(found)]
        end = found.end()
    parts.append(text[end:])
    return format_html_join("", "{}", ((part,) for part in parts))


def _span(found: re.Match[str]) -> str | SafeString:
    if found["code"]:
        return format_html("<code>{}</code>", found["code"])
    if found["bold"]:
        return format_html("<strong>{}</strong>", found["bold"])
    if found["emphasis"]:
        return format_html("<em>{}</em>", found["emphasis"])
    if not _SAFE_URL.match(found["url"]):
        return found[0]
    return format_html('<a href="{}">{}</a>', found["url"], found["text"])
