"""Where a wheel's files would be installed: somewhere, and by every installer at the same place."""

from collections.abc import Collection, Iterator

from pkgindex.uploads.refusals import UploadRefused, shown

_SCHEMES = ("purelib", "platlib", "headers", "scripts", "data")


def check_layout(names: Collection[str], stem: str) -> None:
    """*stem* is that of the .dist-info folder, "hare-1.0". Raises UploadRefused for a file that is
    a folder, too, and for what lies in a .data folder where not every installer finds it.
    """
    files = {name for name in names if not name.endswith("/")}
    for name in sorted(names):
        if any(folder in files for folder in _folders_of(name)):
            raise UploadRefused(f"{shown(name)} in the wheel lies in a file.")
        if name in files and _is_data(name) and not _is_known(name, stem):
            raise UploadRefused(
                f"{shown(name)} in the wheel is not a file of {stem}.data/, in one of"
                f" {', '.join(_SCHEMES)}; scripts have no folders."
            )


def _folders_of(name: str) -> Iterator[str]:
    parts = name.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))


def _is_data(name: str) -> bool:
    return name.partition("/")[0].endswith(".data")


def _is_known(name: str, stem: str) -> bool:
    """pip takes every .data folder for the wheel's own, uv only the one of this name; in scripts
    uv wants no folder.
    """
    folder, _, rest = name.partition("/")
    scheme, _, path = rest.partition("/")
    is_file = bool(path) and not (scheme == "scripts" and "/" in path)
    return folder == f"{stem}.data" and scheme in _SCHEMES and is_file
