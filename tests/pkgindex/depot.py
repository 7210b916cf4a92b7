"""What the upload door left behind, and bodies that it must not read."""

from pathlib import Path
from typing import Any, NoReturn

from django.core.files.storage import default_storage
from django.test import Client

from pkgindex.models import File, Project, Release, UsedFilename


def everything() -> list[Any]:
    """All rows and all stored files: what a refusal must leave as it was."""
    root = Path(default_storage.path(""))
    rows = [model.objects.count() for model in (Project, Release, File, UsedFilename)]
    return [*rows, sorted(str(path) for path in root.rglob("*") if path.is_file())]


def stored(path: str) -> bytes:
    with default_storage.open(path) as file:
        content: bytes = file.read()
        return content


class Unreadable:
    """A body that must not be read."""

    def read(self, *args: Any) -> NoReturn:
        raise AssertionError("the body was read")

    readline = read


def post_unread(**environ: Any) -> tuple[int, str]:
    """Post a body that must not be read; status and reason phrase."""
    whole = {"CONTENT_LENGTH": "1000", "wsgi.input": Unreadable()} | environ
    kind = "multipart/form-data; boundary=x"
    response = Client().generic("POST", "/legacy/", content_type=kind, **whole)
    return response.status_code, response.reason_phrase
