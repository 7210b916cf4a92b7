"""Attachments in the private storage. No URL leads there; views hand them out as downloads."""

import base64
import hmac

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from lib.durable import bring_to_disk
from lib.sealing import derive
from support.models import Attachment

FOLDER = "support"


def store_file(name: str, content: bytes) -> str:
    """Store under a name that we chose; done again, it is the same file."""
    path = f"{FOLDER}/{name}"
    if default_storage.exists(path):
        default_storage.delete(path)  # half written before a crash
    stored_as = default_storage.save(path, ContentFile(content))
    bring_to_disk(stored_as)
    return stored_as


def read_file(attachment: Attachment) -> bytes:
    with default_storage.open(attachment.stored_as) as file:
        content: bytes = file.read()
    return content


def delete_file(stored_as: str) -> None:
    default_storage.delete(stored_as)


def file_link(attachment: Attachment) -> str:
    """Where whoever has the mail gets its file, as if it were in it: not everybody who is answered
    has an account.
    """
    path = f"account/tickets/files/{attachment.pk}/{_token(attachment)}/"
    return f"{settings.BASE_URL}/{path}"


def is_token_of(attachment: Attachment, token: str) -> bool:
    return hmac.compare_digest(_token(attachment).encode(), token.encode())


def _token(attachment: Attachment) -> str:
    """128 bits that follow from the file, in letters that no mail program breaks."""
    digest = derive("file of an answer", f"{attachment.pk}:{attachment.stored_as}")
    return base64.b32encode(digest[:16]).decode().rstrip("=").lower()
