"""How a message is shown: every character of it, with what it quotes folded away."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, prefetch_related_objects

from support.models import Attachment, Message

# ">" begins a quote, ">>>" a line of a Python session.
_QUOTE = re.compile(r">(?!>>(?: |$))")
MIN_FOLDED_LINES = 3


def conversation(messages: QuerySet[Message]) -> list[Any]:
    """These messages with their files; `has_files` says of each whether to look for any."""
    files = Attachment.objects.filter(message=OuterRef("pk"))
    said = list(messages.annotate(has_files=Exists(files)))
    prefetch_related_objects([one for one in said if one.has_files], "attachments")
    return said


@dataclass(frozen=True)
class Block:
    text: str
    is_quote: bool

    @property
    def lines(self) -> int:
        return self.text.count("\n") + 1


def fold_quotes(text: str) -> list[Block]:
    """The text in blocks; joined by line ends they are the text again, character for character.

    Quotes of fewer than three lines stay where they are: they are being answered.
    """
    blocks: list[Block] = []
    for block in _runs(text.split("\n")):
        is_quote = block.is_quote and block.lines >= MIN_FOLDED_LINES
        if blocks and not is_quote and not blocks[-1].is_quote:
            blocks[-1] = Block(f"{blocks[-1].text}\n{block.text}", is_quote=False)
        else:
            blocks.append(Block(block.text, is_quote))
    return blocks


def _runs(lines: list[str]) -> Iterator[Block]:
    run: list[str] = []
    was_quote = False
    for line in lines:
        is_quote = bool(_QUOTE.match(line))
        if run and is_quote != was_quote:
            yield Block("\n".join(run), was_quote)
            run = []
        run.append(line)
        was_quote = is_quote
    yield Block("\n".join(run), was_quote)
