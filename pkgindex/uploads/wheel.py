"""Look into a wheel without unpacking it: is it sound, and what is its core metadata."""

import zipfile
from typing import IO

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pkgindex.uploads import core_metadata
from pkgindex.uploads.dist_info import check_entry_points, check_wheel_file
from pkgindex.uploads.form import Form
from pkgindex.uploads.framing import check_frame
from pkgindex.uploads.layout import check_layout, check_modes
from pkgindex.uploads.members import MAX_MEMBERS, check_name, check_unpacked_size
from pkgindex.uploads.record import check_record
from pkgindex.uploads.refusals import UploadRefused, shown
from pkgindex.uploads.streams import check_streams

_MAX_RECORD_BYTES = 16 * 1024 * 1024
_ENCRYPTED = 0x1  # bit of the general purpose flags


def read_wheel(file: IO[bytes], *, size: int, form: Form) -> bytes:
    """The METADATA of a sound wheel. Raises UploadRefused for any other file.

    zipfile raises much more than BadZipFile on hostile input; whatever it raises is a refusal.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return _read(archive, file, size=size, form=form)
    except UploadRefused:
        raise
    except Exception as error:
        raise UploadRefused(
            f"The file cannot be read as a wheel: {type(error).__name__}: {error}."
        ) from error


def _read(archive: zipfile.ZipFile, file: IO[bytes], *, size: int, form: Form) -> bytes:
    members = archive.infolist()
    check_unpacked_size(sum(member.file_size for member in members), packed=size)
    _check_members(members)
    check_frame(archive, file)
    check_streams(members, file)
    folder = _dist_info(archive.namelist(), form)
    wheel, points = f"{folder}/WHEEL", f"{folder}/entry_points.txt"
    for_windows = check_wheel_file(wheel, _read_member(archive, wheel, core_metadata.MAX_BYTES))
    programs: set[str] = set()
    if points in archive.NameToInfo:
        content = _read_member(archive, points, core_metadata.MAX_BYTES)
        programs = check_entry_points(points, content)
    check_layout(members, folder.removesuffix(".dist-info"), programs)
    if not for_windows:  # which knows no modes
        check_modes(members)
    record = _read_member(archive, f"{folder}/RECORD", _MAX_RECORD_BYTES)
    check_record(archive, folder, record.decode())
    metadata = _read_member(archive, f"{folder}/METADATA", core_metadata.MAX_BYTES)
    core_metadata.check_license_files(metadata, archive.NameToInfo, f"{folder}/licenses")
    return metadata


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MAX_MEMBERS:
        raise UploadRefused(f"The wheel has {len(members)} entries, the limit is {MAX_MEMBERS}.")
    seen: set[str] = set()
    for member in members:
        check_name(member.orig_filename)
        if member.filename in seen:
            raise UploadRefused(f"The wheel has {shown(member.filename)} twice.")
        seen.add(member.filename)
        if member.flag_bits & _ENCRYPTED:
            raise UploadRefused(f"{shown(member.filename)} in the wheel is encrypted.")
        if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise UploadRefused(
                f"{shown(member.filename)} in the wheel is neither stored nor deflated."
            )


def _dist_info(names: list[str], form: Form) -> str:
    """The one folder `<name>-<version>.dist-info`, which must be that of the form."""
    tops = {name.split("/", 1)[0] for name in names}  # pip counts a file of such a name, too
    folders = sorted(top for top in tops if top.endswith(".dist-info"))
    if len(folders) != 1:
        raise UploadRefused(f"The wheel must have one .dist-info folder, not {len(folders)}.")
    name, _, version = folders[0].removesuffix(".dist-info").partition("-")
    if canonicalize_name(name) != form.name or not _is_version(version, form.version):
        raise UploadRefused(
            f"The folder {shown(folders[0])} in the wheel is not that of"
            f" {form.name} {form.version}."
        )
    return folders[0]


def _is_version(text: str, version: Version) -> bool:
    try:
        return Version(text) == version
    except InvalidVersion:
        return False


def _read_member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """A member's bytes. What a header says about the size is not believed."""
    try:
        member = archive.getinfo(name)
    except KeyError as error:
        raise UploadRefused(f"The wheel has no {name}.") from error
    with archive.open(member) as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise UploadRefused(f"{name} in the wheel is larger than {limit // 2**20} MB.")
    return content
