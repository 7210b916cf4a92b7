"""The core metadata that stands in the file: read, checked, and compared with the form."""

from collections.abc import Container
from dataclasses import dataclass

from packaging.metadata import ExceptionGroup, InvalidMetadata, Metadata, RawMetadata, parse_email
from packaging.version import Version

from pkgindex.uploads.form import Form, read_name, read_requires_python, read_version
from pkgindex.uploads.refusals import UploadRefused, shown

SUPPORTED = ("2.1", "2.2", "2.3", "2.4", "2.5")
MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class CoreMetadata:
    name: str  # as the author spells it
    version: Version
    requires_python: str


def read_core_metadata(content: bytes, form: Form) -> CoreMetadata:
    """What the file says about itself. Raises UploadRefused if it is invalid, or says something
    else than the form: an index that believed the form would list what nobody can install.
    """
    try:
        return _read(content, form)
    except (ValueError, RecursionError) as error:  # thousands of digits, or of brackets
        name = type(error).__name__
        raise UploadRefused(f"The metadata cannot be read: {name}: {error}.") from error


def _read(content: bytes, form: Form) -> CoreMetadata:
    content.decode()  # or pip refuses it, and nothing says so before
    metadata = _validate(_parse(content))
    # As of the form: a name, or a version with zeros at its end, may be long and equal a short one.
    name, version = read_name(metadata.name), read_version(str(metadata.version))
    requires = read_requires_python(str(metadata.requires_python or ""))
    # Not Metadata-Version: flit names one of its own in the form, and nobody resolves by it.
    _compare("Name", name, form.name)
    _compare("Version", version, form.version)
    _compare("Requires-Python", requires, form.requires_python)
    return CoreMetadata(metadata.name, version, str(requires))


def check_license_files(content: bytes, members: Container[str], folder: str) -> None:
    """Each License-File must lie in *folder* of the archive (PEP 639, from 2.4 on)."""
    for path in _parse(content).get("license_files", []):
        if f"{folder}/{path}" not in members:
            raise UploadRefused(
                f"The metadata names the license file {shown(path)}, which is not"
                f" in the archive under {folder}."
            )


def _parse(content: bytes) -> RawMetadata:
    raw, _ = parse_email(content)
    version = raw.get("metadata_version", "")
    if version not in SUPPORTED:
        raise UploadRefused(
            f"Metadata-Version {shown(version)} is not one of {', '.join(SUPPORTED)}."
        )
    if version in SUPPORTED[:3]:
        # setuptools wrote License-File long before 2.4 allowed it; it does no harm.
        raw.pop("license_files", None)
    return raw


def _validate(raw: RawMetadata) -> Metadata:
    try:
        return Metadata.from_raw(raw)
    except ExceptionGroup as group:
        raise UploadRefused(f"The metadata is invalid: {_first(group)}.") from group


def _first(group: ExceptionGroup) -> str:
    """The first problem in the order in which a person would mend them."""
    order = ["metadata-version", "name", "version"]
    problems = [
        (order.index(error.field) if error.field in order else len(order), error.field, str(error))
        for error in group.exceptions
        if isinstance(error, InvalidMetadata)
    ]
    return min(problems)[2] if problems else str(group)


def _compare(field: str, actual: object, claimed: object) -> None:
    if actual != claimed:
        raise UploadRefused(
            f"The {field} in the file is {shown(actual)}, but the upload says {shown(claimed)}."
        )
