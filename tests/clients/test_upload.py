"""Real uploaders: what is published, and what they say when it is refused."""

import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.conftest import Run, Server, twine, uv_publish
from tests.pkgindex.wheels import (
    build_sdist,
    build_wheel,
    metadata_text,
    record_of,
    wheel_files,
    wheel_name,
)

pytestmark = [pytest.mark.clients, pytest.mark.enable_socket]

Uploader = Callable[..., Run]
UPLOADERS = pytest.mark.parametrize("upload", [twine, uv_publish])


def write_wheel(folder: Path, name: str, version: str, content: bytes | None = None) -> Path:
    path = folder / wheel_name(name, version)
    path.write_bytes(build_wheel(name, version) if content is None else content)
    return path


@UPLOADERS
@pytest.mark.parametrize("path", ["/legacy/", "/legacy"])
def test_a_wheel_and_an_sdist_are_published_and_the_same_bytes_again_are_fine(
    server: Server, upload_keys, tmp_path: Path, upload: Uploader, path: str
):
    name = f"told-{upload.__name__.replace('_', '-')}-{len(path)}"
    wheel = write_wheel(tmp_path, name, "1.0")
    sdist = tmp_path / f"{name.replace('-', '_')}-1.0.tar.gz"
    sdist.write_bytes(build_sdist(name, "1.0"))

    first = upload(server, upload_keys["upload"], wheel, sdist, path=path)
    again = upload(server, upload_keys["upload"], wheel, sdist, path=path)

    assert first.code == 0, first.said
    assert again.code == 0, again.said


@UPLOADERS
def test_other_bytes_for_a_file_name_are_refused_with_the_reason(
    server: Server, upload_keys, tmp_path: Path, upload: Uploader
):
    name = f"other-{upload.__name__.replace('_', '-')}"
    wheel = write_wheel(tmp_path, name, "1.0")
    assert upload(server, upload_keys["upload"], wheel).code == 0
    text = metadata_text(name, "1.0", requires_python=">=3.9")
    write_wheel(tmp_path, name, "1.0", build_wheel(name, "1.0", text))

    done = upload(server, upload_keys["upload"], wheel)

    assert done.code != 0
    assert "File already exists" in done.said, done.said
    if upload is uv_publish:
        assert "Server message: Upload refused, File already exists" in done.said, done.said


@UPLOADERS
@pytest.mark.parametrize("which", ["revoked_upload", "wrong"])
def test_a_token_that_is_not_valid_is_refused(
    server: Server, upload_keys, tmp_path: Path, upload: Uploader, which: str
):
    wheel = write_wheel(tmp_path, "strange", "1.0")

    done = upload(server, upload_keys.get(which, "wb_up_wrong"), wheel)

    assert done.code != 0
    assert "The upload token is missing, unknown or no longer valid" in done.said, done.said


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_two_hundred_megabytes_arrive_without_being_held_in_memory(
    server: Server, upload_keys, tmp_path: Path
):
    files = wheel_files("heavy", "1.0")
    block = os.urandom(10 * 2**20)
    path = tmp_path / wheel_name("heavy", "1.0")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for part in range(20):
            files[f"heavy/{part}.bin"] = block
        record = "heavy-1.0.dist-info/RECORD"
        for name, content in (files | {record: record_of(files, record)}).items():
            archive.writestr(name, content)
    before = server.peak_memory()

    done = uv_publish(server, upload_keys["upload"], path)

    assert done.code == 0, done.said
    assert server.peak_memory() - before < 40 * 2**20
