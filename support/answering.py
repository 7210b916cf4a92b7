"""What the owner wrote above the line of a notification."""

import re

from support.mails import ANSWER_ABOVE

# What mail programs put right before the quoted notification.
_ATTRIBUTION = re.compile(
    r"(?:wrote|schrieb|a écrit|escribió|ha scritto|schreef)\b.{0,200}:$", re.IGNORECASE
)
_HEADER = re.compile(
    r"(?:from|sent|date|to|cc|subject|von|gesendet|datum|an|betreff):", re.IGNORECASE
)
_RULE = re.compile(r"[-_]{5,}")
_COMMAND = re.compile(r"\A\s*#(close|note)\b[ \t]*\n?", re.IGNORECASE)


def answer_above(text: str) -> str:
    """The owner's words without the notification that his mail program quoted below them.

    Without the line everything is his.
    """
    place = text.find(ANSWER_ABOVE)
    if place < 0:
        return text.strip()
    lines = text[:place].splitlines()
    while lines and _is_programs(lines[-1]):
        lines.pop()
    if lines and _ATTRIBUTION.search(lines[-1]):
        first = lines.pop()
        if lines and not first.lstrip().lower().startswith(("on ", "am ", "le ", "el ", "op ")):
            lines.pop()  # "On Monday, 3 August 2026 at 10:00," stood on a line of its own
    return "\n".join(lines).strip()


def _is_programs(line: str) -> bool:
    """Whether a line right above the notification was put there by the mail program."""
    bare = line.strip("> \t|*")
    return not bare or bool(_HEADER.match(bare)) or bool(_RULE.match(bare))


def command_of(text: str) -> tuple[str, str]:
    """`#close` or `#note` in the first line, and the rest; ("", text) without."""
    found = _COMMAND.match(text)
    if not found:
        return "", text
    return found[1].lower(), text[found.end() :].strip()
