"""Wheels and sdists for tests, written without a build backend."""

import base64
import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping

WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def metadata_text(
    name: str,
    version: str,
    *,
    metadata_version: str = "2.1",
    requires_python: str = "",
    requires: tuple[str, ...] = (),
) -> str:
    lines = [f"Metadata-Version: {metadata_version}", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Python: {requires_python}"] if requires_python else []
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    return "\n".join([*lines, "", "A test.", ""])


def wheel_name(name: str, version: str) -> str:
    return f"{name.replace('-', '_')}-{version}-py3-none-any.whl"


def wheel_files(name: str, version: str, metadata: str | None = None) -> dict[str, bytes]:
    """The members of a sound wheel, without RECORD."""
    module = name.replace("-", "_")
    folder = f"{module}-{version}.dist-info"
    text = metadata if metadata is not None else metadata_text(name, version)
    return {
        f"{module}/__init__.py": f'VERSION = "{version}"\n'.encode(),
        f"{folder}/METADATA": text.encode(),
        f"{folder}/WHEEL": WHEEL.encode(),
    }


def record_of(files: Mapping[str, bytes], path: str) -> bytes:
    rows = [f"{name},sha256={_digest(content)},{len(content)}" for name, content in files.items()]
    return "\n".join([*rows, f"{path},,", ""]).encode()


def build_wheel(name: str, version: str, metadata: str | None = None, *, padding: int = 0) -> bytes:
    """A sound wheel; with so many bytes of *padding* in it, none of its members is packed."""
    module = name.replace("-", "_")
    files = wheel_files(name, version, metadata)
    files |= {f"{module}/padding.bin": bytes(padding)} if padding else {}
    record = f"{module}-{version}.dist-info/RECORD"
    packed = zipfile.ZIP_STORED if padding else zipfile.ZIP_DEFLATED
    return zip_of(files | {record: record_of(files, record)}, compression=packed)


def zip_of(
    files: Mapping[str, bytes],
    *,
    compression: int = zipfile.ZIP_DEFLATED,
    modes: Mapping[str, int] | None = None,
) -> bytes:
    """Members without a mode of their own have 600."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            member.external_attr = (modes or {}).get(name, 0) << 16
            archive.writestr(member, content, compression)
    return target.getvalue()


def build_sdist(name: str, version: str, metadata: str | None = None) -> bytes:
    top = f"{name.replace('-', '_')}-{version}"
    text = metadata if metadata is not None else metadata_text(name, version)
    return tar_of({f"{top}/PKG-INFO": text.encode(), f"{top}/setup.py": b""})


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """The same bytes whenever it is called."""
    target = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=target, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return target.getvalue()


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
