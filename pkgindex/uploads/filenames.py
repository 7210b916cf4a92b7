"""What the name of a file says, and whether the form says the same."""

import re
from dataclasses import dataclass

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from pkgindex.models import File
from pkgindex.uploads.form import LARGEST_NUMBER, Form
from pkgindex.uploads.refusals import UploadRefused, shown

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*")
_MAX_LENGTH = 200


def check_filename(filename: str, form: Form) -> None:
    """Raises UploadRefused unless the name fits the kind of file, the project and the version."""
    if not _PLAIN.fullmatch(filename) or len(filename) > _MAX_LENGTH:
        raise UploadRefused(f"The file name {shown(filename)} is not a plain name.")
    said = _read_wheel(filename) if form.packagetype == File.Type.WHEEL else _read_sdist(filename)
    if said.name != form.name:
        raise UploadRefused(
            f"The project in the file name {shown(filename)} should be '{form.name}'"
            f" not '{said.name}'."
        )
    if said.version != form.version:
        raise UploadRefused(
            f"The version in the file name {shown(filename)} should be '{form.version}'"
            f" not '{said.version}'."
        )


@dataclass(frozen=True)
class _Said:
    name: str
    version: Version


def _read_wheel(filename: str) -> _Said:
    """The build number and the tags are as uv wants them; pip is content with more."""
    try:
        name, version, build, _ = parse_wheel_filename(filename)
    except (InvalidWheelFilename, ValueError) as error:
        raise UploadRefused(f"{shown(filename)} is not the file name of a wheel.") from error
    if build and build[0] > LARGEST_NUMBER:
        raise UploadRefused(f"The build number in {shown(filename)} is too large.")
    tags = filename.removesuffix(".whl").split("-")[-3:]
    if tags != [tag.lower() for tag in tags]:
        raise UploadRefused(f"The tags in {shown(filename)} must be in lower case.")
    return _Said(name, version)


def _read_sdist(filename: str) -> _Said:
    """A source distribution is a .tar.gz whose name is normalized (PEP 625)."""
    try:
        name, version = parse_sdist_filename(filename)
    except (InvalidSdistFilename, ValueError) as error:
        raise UploadRefused(f"{shown(filename)} is not the file name of an sdist.") from error
    expected = f"{name.replace('-', '_')}-{version}.tar.gz"
    if filename != expected:
        raise UploadRefused(f"The file name {shown(filename)} should be '{expected}' (PEP 625).")
    return _Said(name, version)
