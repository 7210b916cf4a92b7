"""Post a file to the upload door as twine does."""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.pkgindex.index_client import basic
from tests.pkgindex.wheels import build_sdist, build_wheel, wheel_name


@dataclass(frozen=True)
class Said:
    """The answer, as twine (reason) and uv (body) show it."""

    status: int
    reason: str
    body: str


@dataclass(frozen=True)
class Uploader:
    token: str

    def post(self, content: bytes, filename: str, **fields: Any) -> Said:
        """A field that is None is not sent."""
        form = {
            ":action": "file_upload",
            "protocol_version": "1",
            "metadata_version": "2.1",
            "filetype": "bdist_wheel",
            "pyversion": "py3",
            "sha256_digest": hashlib.sha256(content).hexdigest(),
            "content": SimpleUploadedFile(filename, content),
        } | fields
        response = Client(enforce_csrf_checks=True).post(
            "/legacy/",
            {name: value for name, value in form.items() if value is not None},
            headers={"authorization": basic(self.token)} if self.token else {},
        )
        return Said(response.status_code, response.reason_phrase, response.content.decode())

    def wheel(
        self,
        name: str = "hare",
        version: str = "1.0",
        /,
        content: bytes | None = None,
        **fields: Any,
    ) -> Said:
        data = build_wheel(name, version) if content is None else content
        form = {"name": name, "version": version} | fields
        return self.post(data, form.pop("filename", wheel_name(name, version)), **form)

    def sdist(
        self,
        name: str = "hare",
        version: str = "1.0",
        /,
        content: bytes | None = None,
        **fields: Any,
    ) -> Said:
        data = build_sdist(name, version) if content is None else content
        filename = fields.pop("filename", f"{name.replace('-', '_')}-{version}.tar.gz")
        form = {"name": name, "version": version, "filetype": "sdist", "pyversion": "source"}
        return self.post(data, filename, **(form | fields))

    def raw(self, body: bytes, content_type: str) -> Said:
        response = Client().generic(
            "POST",
            "/legacy/",
            body,
            content_type=content_type,
            headers={"authorization": basic(self.token)},
        )
        return Said(response.status_code, response.reason_phrase, response.content.decode())
