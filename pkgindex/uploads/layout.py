"""Where a wheel's files would be installed: somewhere, and by every installer at the same place."""

import stat
import zipfile
from collections.abc import Collection, Iterator

from pkgindex.uploads.refusals import UploadRefused, shown

# Where each part of a .data folder goes: beside the modules, or into the environment. No path of
# the environment begins with "<".
_SITE = "<site>"
_PLACES = {
    "purelib": f"{_SITE}/", "platlib": f"{_SITE}/", "headers": "<headers>/", "scripts": "bin/",
    "data": "",
}  # fmt: skip
_FOLDERS = {"bin", "lib", "lib64", "include"}  # of every environment


def check_layout(
    members: Collection[zipfile.ZipInfo], stem: str, programs: Collection[str] = ()
) -> None:
    """*stem* is that of the .dist-info folder, "hare-1.0"; *programs* are the names for which
    installers write launchers. Raises UploadRefused for what lies in a .data folder where not every
    installer finds it, and for files that would be installed at one place, or one in another.
    """
    names = sorted(member.filename for member in members)
    for name in names:
        _check_data(name, stem)
    files = _places_of([name for name in names if not name.endswith("/")], programs)
    for name in names:
        _check_place(_place_of(name), name, files)


def _places_of(names: Collection[str], programs: Collection[str]) -> set[str]:
    places = {f"bin/{name}": f"the script {name}" for name in programs}
    places |= dict.fromkeys(_FOLDERS, "the folder of the environment")
    for name in names:
        place = _place_of(name)
        if place in places:
            raise UploadRefused(
                f"{shown(name)} in the wheel would be installed in the place of"
                f" {shown(places[place])}."
            )
        places[place] = name
    return places.keys() - _FOLDERS


def _place_of(name: str) -> str:
    folder, _, rest = name.partition("/")
    if not folder.endswith(".data"):
        return f"{_SITE}/{name}"
    scheme, _, path = rest.partition("/")
    return _PLACES.get(scheme, "") + path


def _check_place(place: str, name: str, files: Collection[str]) -> None:
    if any(folder in files for folder in _folders_of(place)):
        raise UploadRefused(f"{shown(name)} in the wheel lies in a file.")
    home, _, rest = place.partition("/")
    if home == _SITE and rest.partition("/")[0].lower().endswith(".egg-info"):
        # An installed project to pip, and one that it may stumble over.
        raise UploadRefused(f"{shown(name)} in the wheel would be another project.")


def _folders_of(place: str) -> Iterator[str]:
    parts = place.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))


def _check_data(name: str, stem: str) -> None:
    if name.partition("/")[0].endswith(".data") and not _is_known(name, stem):
        raise UploadRefused(
            f"{shown(name)} in the wheel is not a file of {stem}.data/, in one of"
            f" {', '.join(_PLACES)}; scripts have no folders."
        )


def _is_known(name: str, stem: str) -> bool:
    """pip takes every .data folder for the wheel's own, uv only the one of this name; in scripts
    uv wants no folder. The folders may have entries of their own.
    """
    folder, _, rest = name.partition("/")
    scheme, _, path = rest.partition("/")
    is_place = scheme in _PLACES and (path or rest.endswith("/"))
    is_deep = scheme == "scripts" and "/" in path
    return folder == f"{stem}.data" and bool(is_place or name == f"{folder}/") and not is_deep


def check_modes(members: Collection[zipfile.ZipInfo]) -> None:
    """What a .data folder has to be run must say so, and that it is a file: pip wants both. uv lets
    each script be run, and anything else that is marked so.
    """
    for member in members:
        folder, _, rest = member.filename.partition("/")
        if folder.endswith(".data") and not member.is_dir():
            _check_mode(member, is_script=rest.startswith("scripts/"))


def _check_mode(member: zipfile.ZipInfo, *, is_script: bool) -> None:
    mode = member.external_attr >> 16
    may_be_run = mode & 0o111 and stat.S_ISREG(mode)
    if may_be_run or not (is_script or mode & 0o111):
        return
    name = shown(member.filename)
    raise UploadRefused(
        f"{name} in the wheel is a script, but not marked as one (mode 755); a function that"
        " entry_points.txt names needs no mark."
        if is_script
        else f"{name} in the wheel is marked to be run, but not as a file."
    )
