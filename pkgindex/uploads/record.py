"""RECORD, the list of a wheel's files with their digests, held against the files."""

import base64
import csv
import hashlib
import re
import zipfile

from pkgindex.uploads.refusals import UploadRefused, shown

_ALGORITHMS = ("sha256", "sha384", "sha512")  # the wheel specification allows nothing weaker
_UNRECORDED = ("RECORD", "RECORD.jws", "RECORD.p7s")  # the list does not list itself
_SIZE = re.compile(r"[0-9]{1,19}")  # uv reads no larger number than one of 64 bits
_BLOCK = 1024 * 1024


def check_record(archive: zipfile.ZipFile, folder: str, text: str) -> None:
    """RECORD must list every file of the wheel with its digest, and no other."""
    recorded = dict(map(_read_row, csv.reader(text.splitlines())))
    exempt = {f"{folder}/{name}" for name in _UNRECORDED}
    present = {name for name in archive.namelist() if not name.endswith("/")}
    if unlisted := present - exempt - recorded.keys():
        raise UploadRefused(f"RECORD does not list {shown(min(unlisted))}.")
    if absent := recorded.keys() - present:
        raise UploadRefused(f"RECORD lists {shown(min(absent))}, which is not in the wheel.")
    for name in sorted(present - exempt):
        _check_digest(archive, name, recorded[name])


def _read_row(row: list[str]) -> tuple[str, str]:
    """A file and its digest. pip stumbles over an empty line, uv over any other form than this."""
    match row:
        case [name, digest, size] if not size or _SIZE.fullmatch(size):
            return name, digest
    raise UploadRefused(f"RECORD has the line {shown(','.join(row))}, not file, digest and size.")


def _check_digest(archive: zipfile.ZipFile, name: str, claimed: str) -> None:
    algorithm, _, digest = claimed.partition("=")
    if algorithm not in _ALGORITHMS:
        raise UploadRefused(f"RECORD has the digest {shown(claimed)} for {shown(name)}.")
    state = hashlib.new(algorithm)
    with archive.open(name) as stream:
        while block := stream.read(_BLOCK):
            state.update(block)
    actual = base64.urlsafe_b64encode(state.digest()).decode().rstrip("=")
    if digest.rstrip("=") != actual:
        raise UploadRefused(f"{shown(name)} in the wheel is not what its RECORD says.")
