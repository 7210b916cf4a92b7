"""Stream the body of an upload to a temporary file: it is never held in memory."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, cast

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, QueryDict
from django.http.multipartparser import MultiPartParser, MultiPartParserError

from pkgindex.uploads.refusals import UploadRefused, disk_trouble, shown

_FORM_BYTES = 2 * 1024 * 1024  # room for the fields beside the file
_MAX_DIGITS = 18  # of a length


@dataclass(frozen=True)
class Received:
    """A file as it came in, and the fields that came with it. Nothing is checked yet."""

    fields: QueryDict
    filename: str
    file: TemporaryUploadedFile
    size: int
    digests: dict[str, str]  # by the name of the form field: "sha256_digest"


class DigestingHandler(FileUploadHandler):
    """Writes each block to a temporary file, counts and digests it, and keeps none of them."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.size = 0
        self.file: TemporaryUploadedFile | None = None
        self._hashes: dict[str, Any] = {
            "sha256_digest": hashlib.sha256(),
            "blake2_256_digest": hashlib.blake2b(digest_size=32),
            "md5_digest": hashlib.md5(usedforsecurity=False),  # still sent by poetry and pdm
        }

    @property
    def digests(self) -> dict[str, str]:
        return {name: state.hexdigest() for name, state in self._hashes.items()}

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        if self.field_name != "content" or self.file is not None:
            raise UploadRefused("The upload must have one file, in the field content.")
        assert self.file_name is not None
        self.file = TemporaryUploadedFile(self.file_name, self.content_type, 0, None)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        assert self.file is not None
        self.size += len(raw_data)
        if self.size > self.limit:
            raise too_large(self.limit)
        for state in self._hashes.values():
            state.update(raw_data)
        try:
            self.file.write(raw_data)
        except OSError as error:
            raise disk_trouble(error) from error

    def file_complete(self, file_size: int) -> TemporaryUploadedFile | None:
        assert self.file is not None
        self.file.size = file_size
        self.file.seek(0)
        return self.file

    def discard(self) -> None:
        if self.file is not None:
            self.file.close()


class _Parser(MultiPartParser):
    """Django's parser, but a path in a file name is refused instead of cut off."""

    def sanitize_file_name(self, file_name: str) -> str | None:
        if "/" in file_name or "\\" in file_name or not file_name.isprintable():
            raise UploadRefused(f"The file name {shown(file_name)} is not a plain name.")
        return super().sanitize_file_name(file_name)


@contextmanager
def receive(request: HttpRequest) -> Iterator[Received]:
    """Read the body of *request*; the temporary file is gone when the block ends.

    Raises UploadRefused for a body that is too large, not a form, or without a file.
    """
    limit = settings.MAX_UPLOAD_BYTES
    if _declared_length(request) > limit + _FORM_BYTES:
        raise too_large(limit)
    handler = DigestingHandler(limit)
    try:
        fields = _parse(request, handler)
        if handler.file is None:
            raise UploadRefused("The upload has no file in the field content.")
        name = handler.file.name or ""
        yield Received(fields, name, handler.file, handler.size, handler.digests)
    finally:
        handler.discard()


def too_large(limit: int) -> UploadRefused:
    return UploadRefused(f"The file is too large, the limit is {limit // 2**20} MB.", 413)


def _declared_length(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length.isdecimal() or len(length) > _MAX_DIGITS:
        raise UploadRefused("The upload does not say its Content-Length.", 411)
    return int(length)


def _parse(request: HttpRequest, handler: DigestingHandler) -> QueryDict:
    try:
        fields, _ = _Parser(
            request.META, cast("IO[bytes]", request), [handler], request.encoding
        ).parse()
    except (MultiPartParserError, SuspiciousOperation, OSError) as error:
        raise UploadRefused(f"The upload cannot be read as a form: {error}.") from error
    return fields
