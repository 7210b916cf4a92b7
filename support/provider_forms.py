"""Fields of a provider's form as bytes.

Django's reader decodes every field and refuses one above 1 MB; a raw mail in a field must stay
byte for byte what it was.
"""

import re
from urllib.parse import unquote_to_bytes

MAX_FIELDS = 500


def form_fields(content_type: str, body: bytes) -> dict[str, bytes]:
    """Fields by name, the last of each; files and everything odd are left out."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return _urlencoded(body)
    boundary = re.search(r'boundary="?([^";,\s]{1,200})"?', content_type)
    if kind != "multipart/form-data" or not boundary:
        return {}
    return _multipart(boundary[1].encode("utf-8", "replace"), body)


def _urlencoded(body: bytes) -> dict[str, bytes]:
    fields = {}
    for pair in body.split(b"&", MAX_FIELDS)[:MAX_FIELDS]:
        name, _, value = pair.partition(b"=")
        key = unquote_to_bytes(name.replace(b"+", b" ")).decode("utf-8", "replace")
        fields[key] = unquote_to_bytes(value.replace(b"+", b" "))
    return fields


def _multipart(boundary: bytes, body: bytes) -> dict[str, bytes]:
    fields = {}
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary, MAX_FIELDS)
    for part in parts[1:]:
        head, found, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'\bname="([^"]{1,200})"', head)
        if found and name and b"filename=" not in head:
            fields[name[1].decode("utf-8", "replace")] = value
    return fields
