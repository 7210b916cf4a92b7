"""Checks at upload: the core metadata, read from the file."""

import pytest

from pkgindex.models import File
from tests.pkgindex.refusing import FOLDER, RECORD, assert_refused
from tests.pkgindex.uploader import Uploader
from tests.pkgindex.wheels import (
    build_sdist,
    build_wheel,
    metadata_text,
    record_of,
    tar_of,
    wheel_files,
    zip_of,
)

pytestmark = pytest.mark.django_db


def wheel_saying(text: str) -> bytes:
    return build_wheel("hare", "1.0", text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            metadata_text("evil", "1.0"),
            "The Name in the file is 'evil', but the upload says 'hare'.",
        ),
        (
            metadata_text("hare", "1.1"),
            "The Version in the file is '1.1', but the upload says '1.0'.",
        ),
        (
            metadata_text("hare", "1.0", requires_python=">=3.9"),
            "The Requires-Python in the file is '>=3.9', but the upload says ''.",
        ),
        (
            metadata_text("hare", "1.0", metadata_version="1.2"),
            "Metadata-Version '1.2' is not one of 2.1, 2.2, 2.3, 2.4, 2.5.",
        ),
        (metadata_text("hare", "1.0", metadata_version="3.0"), "'3.0' is not one of"),
        (metadata_text("hare", "1.0", requires=("not a requirement",)), "The metadata is invalid"),
        ("", "Metadata-Version '' is not one of"),
        ("Metadata-Version: 2.1\n", "The metadata is invalid: 'name'"),
        ("Metadata-Version: 2.1\nName: hare\n", "The metadata is invalid: 'version'"),
        ("\x00\x00\x00", "Metadata-Version '' is not one of"),
        (metadata_text("hare", f"1{'.0' * 60}"), "is not a valid version."),
        (metadata_text("hare", "9" * 5000), "The metadata cannot be read: ValueError"),
        (
            metadata_text("hare", "1.0", requires_python=f">={'9' * 5000}"),
            "is not a valid Requires-Python.",
        ),
        (
            metadata_text("hare", "1.0", requires=(f"x; {'(' * 3000}os_name=='x'{')' * 3000}",)),
            "The metadata cannot be read: RecursionError",
        ),
    ],
)
def test_metadata_that_lies_is_refused(uploader: Uploader, text: str, sentence: str):
    assert_refused(uploader.wheel("hare", "1.0", wheel_saying(text)), sentence)


def test_the_metadata_of_an_sdist_is_read_too(uploader: Uploader):
    content = build_sdist("hare", "1.0", metadata_text("hare", "1.1"))

    assert_refused(uploader.sdist("hare", "1.0", content), "The Version in the file is '1.1'")


@pytest.mark.parametrize("version", ["2.1", "2.2", "2.3", "2.4", "2.5"])
def test_every_metadata_version_in_use_is_taken(uploader: Uploader, version: str):
    text = metadata_text("hare", "1.0", metadata_version=version)

    # flit's form names another one than its file has; nobody resolves by it.
    said = uploader.wheel("hare", "1.0", wheel_saying(text), metadata_version="2.3")

    assert said.status == 200, said


@pytest.mark.parametrize("extra", ["License-File: LICENSE", "X-Unknown: 1", "Home-page: x"])
def test_fields_that_do_no_harm_are_taken(uploader: Uploader, extra: str):
    text = metadata_text("hare", "1.0").replace("\n\n", f"\n{extra}\n\n", 1)

    said = uploader.wheel("hare", "1.0", wheel_saying(text))

    assert said.status == 200, said


LICENSED = metadata_text("hare", "1.0", metadata_version="2.4").replace(
    "\n\n", "\nLicense-File: LICENSE\nLicense-File: more/NOTICE\n\n", 1
)


@pytest.mark.parametrize("there", [(), ("LICENSE",), ("LICENSE", "more/NOTICE")])
def test_the_license_files_that_the_metadata_names_must_be_there(
    uploader: Uploader, there: tuple[str, ...]
):
    files = wheel_files("hare", "1.0", LICENSED)
    files |= {f"{FOLDER}/licenses/{path}": b"MIT" for path in there}
    wheel = zip_of(files | {RECORD: record_of(files, RECORD)})
    sources = {"hare-1.0/PKG-INFO": LICENSED.encode()}
    sources |= {f"hare-1.0/{path}": b"MIT" for path in there}

    of_wheel = uploader.wheel("hare", "1.0", wheel)
    of_sdist = uploader.sdist("hare", "1.0", tar_of(sources))

    if len(there) == 2:
        assert (of_wheel.status, of_sdist.status) == (200, 200)
        return
    first = "more/NOTICE" if there else "LICENSE"
    names = f"The metadata names the license file '{first}', which is not in the archive under "
    assert (of_wheel.status, of_wheel.reason) == (400, f"{names}{FOLDER}/licenses.")
    assert (of_sdist.status, of_sdist.reason) == (400, f"{names}hare-1.0.")
    assert not File.objects.exists()


def test_a_release_has_one_sdist(uploader: Uploader):
    text = metadata_text("hare", "1.0.0")
    content = tar_of({"hare-1.0.0/PKG-INFO": text.encode()})
    assert uploader.sdist("hare", "1.0").status == 200

    second = uploader.sdist("hare", "1.0.0", content)

    sentence = "A release has one sdist only; this one has 'hare-1.0.tar.gz'."
    assert (second.status, second.reason) == (400, sentence)
    assert File.objects.count() == 1
    assert uploader.sdist("hare", "1.0").status == 200  # the same again


def test_another_spelling_of_the_same_requirement_is_the_same(uploader: Uploader):
    text = metadata_text("hare", "1.0", requires_python=">=3.9, <4")

    said = uploader.wheel("hare", "1.0", wheel_saying(text), requires_python="<4,>=3.9")

    assert said.status == 200, said
