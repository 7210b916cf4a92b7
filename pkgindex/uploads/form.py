"""The fields of an upload, as twine, uv, poetry and pdm send them."""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from pkgindex.models import File
from pkgindex.uploads.refusals import UploadRefused, shown

_NUMBER = re.compile(r"\d+")
LARGEST_NUMBER = 2**64 - 2  # in a version or build; uv refuses larger ones, pip knows no limit
_DIGESTS = ("sha256_digest", "blake2_256_digest", "md5_digest")


@dataclass(frozen=True)
class Form:
    """What the client says about the file. It is compared with the file, never believed."""

    name: NormalizedName
    version: Version
    packagetype: File.Type
    requires_python: SpecifierSet
    digests: dict[str, str]


def read_form(fields: Mapping[str, str]) -> Form:
    """Raises UploadRefused for the first field that cannot be meant."""
    _check(fields, ":action", "file_upload")
    _check(fields, "protocol_version", "1")
    packagetype = _packagetype(fields.get("filetype", ""))
    _check_python(fields.get("pyversion", ""), packagetype)
    return Form(
        name=read_name(fields.get("name", "")),
        version=read_version(fields.get("version", "")),
        packagetype=packagetype,
        requires_python=read_requires_python(fields.get("requires_python", "")),
        digests=_digests(fields),
    )


def check_digests(form: Form, actual: Mapping[str, str]) -> None:
    for name, claimed in form.digests.items():
        if not hmac.compare_digest(claimed.encode(), actual[name].encode()):
            raise UploadRefused(f"The {name} {shown(claimed)} is not that of the uploaded file.")


def read_name(text: str) -> NormalizedName:
    try:
        if text.isascii() and len(text) <= 100:
            return canonicalize_name(text, validate=True)
    except InvalidName:
        pass
    raise UploadRefused(f"{shown(text)} is not a valid project name.")


def read_version(text: str) -> Version:
    try:
        if text.isascii() and len(text) <= 100:
            version = Version(text)
            if all(int(number) <= LARGEST_NUMBER for number in _NUMBER.findall(version.public)):
                return version
    except (InvalidVersion, ValueError):  # ValueError: a number of thousands of digits
        pass
    raise UploadRefused(f"{shown(text)} is not a valid version.")


def read_requires_python(text: str) -> SpecifierSet:
    try:
        if len(text) <= 200:
            return SpecifierSet(text)
    except (InvalidSpecifier, ValueError):
        pass
    raise UploadRefused(f"{shown(text)} is not a valid Requires-Python.")


def _check(fields: Mapping[str, str], name: str, expected: str) -> None:
    if fields.get(name) != expected:
        raise UploadRefused(f"The field {name} must be {expected}, not {shown(fields.get(name))}.")


def _packagetype(text: str) -> File.Type:
    if text not in File.Type.values:
        raise UploadRefused(f"The filetype must be sdist or bdist_wheel, not {shown(text)}.")
    return File.Type(text)


def _check_python(text: str, packagetype: File.Type) -> None:
    if packagetype == File.Type.SDIST and text not in {"", "source"}:
        raise UploadRefused(f"The pyversion of an sdist must be source, not {shown(text)}.")
    if packagetype == File.Type.WHEEL and text in {"", "source"}:
        raise UploadRefused(f"The pyversion of a wheel must be its Python tag, not {shown(text)}.")


def _digests(fields: Mapping[str, str]) -> dict[str, str]:
    given = {name: fields[name].lower() for name in _DIGESTS if fields.get(name)}
    if not given:
        raise UploadRefused("The upload says no digest, e.g. sha256_digest.")
    return given
