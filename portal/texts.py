"""The shop's own words: Markdown files that the owner copies and edits.

`texts/` has ours; a file of the same name in DATA_DIR/texts replaces it, and files in
DATA_DIR/texts/files (a W-9, a letter of the bank) are offered for download.
"""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.template import TemplateSyntaxError, engines
from django.utils.safestring import SafeString

from lib.markdown import render_markdown


def text_source(name: str, context: dict[str, Any] | None = None) -> str:
    """The text of this name with its variables filled in, still Markdown.

    A mistake in the owner's template tags shows the file as it is, and takes no page away.
    """
    raw = _file(name).read_text(encoding="utf-8")
    facts = {
        "shop_name": settings.SHOP_NAME,
        "base_url": settings.BASE_URL,
        "support_email": settings.SUPPORT_EMAIL,
        **(context or {}),
    }
    try:
        return engines["text"].from_string(raw).render(facts)
    except TemplateSyntaxError:
        return raw


def render_text(name: str, context: dict[str, Any] | None = None) -> SafeString:
    return render_markdown(text_source(name, context))


def has_text(name: str) -> bool:
    return _file(name).is_file()


def offered_files() -> list[str]:
    """Names of the files that anybody may download."""
    folder = _own_folder() / "files"
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def offered_file(name: str) -> Path | None:
    """Where the file of this name lies; None if it is none of the offered."""
    return _own_folder() / "files" / name if name in offered_files() else None


def _file(name: str) -> Path:
    own = _own_folder() / f"{name}.md"
    return own if own.is_file() else settings.BASE_DIR / "texts" / f"{name}.md"


def _own_folder() -> Path:
    return Path(settings.DATA_DIR) / "texts"
