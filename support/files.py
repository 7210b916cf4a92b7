"""Attachments in the private storage. No URL leads there; views hand them out as downloads."""

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from lib.durable import bring_to_disk
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
