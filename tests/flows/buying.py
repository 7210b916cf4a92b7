"""What is shown to whoever bought."""

import re


def shown_key(page: str) -> str:
    found = re.search(r'id="key"[^>]*>(wb_ix_\w+)<', page)
    return found[1] if found else ""
