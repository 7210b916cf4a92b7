"""Checks at upload: the form and the file name."""

import hashlib

import pytest

from tests.pkgindex.refusing import assert_refused
from tests.pkgindex.uploader import Uploader
from tests.pkgindex.wheels import build_wheel

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        (":action", "submit", "The field :action must be file_upload, not 'submit'."),
        (":action", None, "The field :action must be file_upload, not 'None'."),
        ("protocol_version", "2", "The field protocol_version must be 1, not '2'."),
        ("filetype", "bdist_egg", "must be sdist or bdist_wheel, not 'bdist_egg'."),
        ("pyversion", "source", "The pyversion of a wheel must be its Python tag, not 'source'."),
        ("name", "-hare", "'-hare' is not a valid project name."),
        ("name", "h\xe4re", "'h\\xe4re' is not a valid project name."),
        ("name", "h" * 101, "is not a valid project name."),
        ("version", "one", "'one' is not a valid version."),
        ("version", "9" * 5000, "is not a valid version."),
        ("version", "1.18446744073709551615", "is not a valid version."),  # uv cannot read it
        ("requires_python", "three", "'three' is not a valid Requires-Python."),
        ("sha256_digest", None, "The upload says no digest, e.g. sha256_digest."),
    ],
)
def test_a_field_that_cannot_be_meant_is_named(
    uploader: Uploader, field: str, value: str | None, sentence: str
):
    assert_refused(uploader.wheel("hare", "1.0", **{field: value}), sentence)


def test_the_pyversion_of_an_sdist_is_source(uploader: Uploader):
    assert_refused(uploader.sdist(pyversion="py3"), "must be source, not 'py3'.")


def test_an_upload_without_a_file_is_refused(uploader: Uploader):
    said = uploader.raw(
        b'--x\r\nContent-Disposition: form-data; name=":action"\r\n\r\nfile_upload\r\n--x--\r\n',
        "multipart/form-data; boundary=x",
    )

    assert_refused(said, "The upload has no file in the field content.")


@pytest.mark.parametrize("field", ["sha256_digest", "blake2_256_digest", "md5_digest"])
@pytest.mark.parametrize("digest", ["0" * 64, "nonsense", "\xe4"])
def test_a_digest_that_lies_is_refused(uploader: Uploader, field: str, digest: str):
    said = uploader.wheel(**{field: digest})

    assert_refused(said, f"The {field} ")
    assert "is not that of the uploaded file." in said.reason


def test_every_digest_that_tells_the_truth_is_taken(uploader: Uploader):
    content = build_wheel("hare", "1.0")

    said = uploader.wheel(
        blake2_256_digest=hashlib.blake2b(content, digest_size=32).hexdigest().upper(),
        md5_digest=hashlib.md5(content).hexdigest(),
    )

    assert said.status == 200, said


@pytest.mark.parametrize(
    ("filename", "sentence"),
    [
        ("harem-1.0-py3-none-any.whl", "should be 'hare' not 'harem'."),
        ("hare-1.1-py3-none-any.whl", "should be '1.0' not '1.1'."),
        ("hare-1.0.tar.gz", "'hare-1.0.tar.gz' is not the file name of a wheel."),
        ("hare-1.0.whl", "is not the file name of a wheel."),
        ("hare-1.0-py3-none-any.whl.exe", "is not the file name of a wheel."),
        ("hare-1.0-py3-none-any.whl\x00", "is not a plain name."),
        ("hare 1.0-py3-none-any.whl", "is not a plain name."),
        ("h\xe4re-1.0-py3-none-any.whl", "is not a plain name."),
        (f"hare-1.0-{'1' * 200}-py3-none-any.whl", "is not a plain name."),
        # uv cannot read the first, and looks for the tags of the others in vain.
        ("hare-1.0-18446744073709551615-py3-none-any.whl", "The build number in 'hare-1.0-1844"),
        ("hare-1.0-PY3-none-any.whl", "The tags in 'hare-1.0-PY3-none-any.whl' must be"),
        ("hare-1.0-1-py3-none-ANY.whl", "must be in lower case"),
    ],
)
def test_a_file_name_that_lies_is_refused(uploader: Uploader, filename: str, sentence: str):
    assert_refused(uploader.wheel(filename=filename), sentence)


@pytest.mark.parametrize(
    "filename",
    [
        "../hare-1.0-py3-none-any.whl",
        "../../../../etc/hare-1.0-py3-none-any.whl",
        "/etc/passwd",
        "a/hare-1.0-py3-none-any.whl",
        "..\\hare-1.0-py3-none-any.whl",
        "C:\\hare-1.0-py3-none-any.whl",
    ],
)
def test_a_path_in_a_file_name_is_refused(uploader: Uploader, filename: str):
    boundary = "x" * 20
    content = build_wheel("hare", "1.0")
    fields = {
        ":action": "file_upload", "protocol_version": "1", "name": "hare", "version": "1.0",
        "filetype": "bdist_wheel", "pyversion": "py3", "metadata_version": "2.1",
        "sha256_digest": hashlib.sha256(content).hexdigest(),
    }  # fmt: skip
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'form-data; name="content"; filename="{filename}"'
    parts += [f"--{boundary}\r\nContent-Disposition: {head}\r\n\r\n".encode(), content]
    parts += [f"\r\n--{boundary}--\r\n".encode()]

    said = uploader.raw(b"".join(parts), f"multipart/form-data; boundary={boundary}")

    assert_refused(said, "is not a plain name.")


@pytest.mark.parametrize(
    ("filename", "sentence"),
    [
        ("Hare-1.0.tar.gz", "should be 'hare-1.0.tar.gz' (PEP 625)."),
        ("hare-1.0.zip", "should be 'hare-1.0.tar.gz' (PEP 625)."),
        ("hare.tar.gz", "is not the file name of an sdist."),
        ("hare-1.0.tar.bz2", "is not the file name of an sdist."),
    ],
)
def test_an_sdist_is_named_as_pep_625_says(uploader: Uploader, filename: str, sentence: str):
    assert_refused(uploader.sdist("hare", "1.0", filename=filename), sentence)
