"""What stands in a wheel's .dist-info folder for installers: WHEEL and entry_points.txt.

Each is refused if pip or uv would refuse to install the wheel for it.
"""

import configparser
import re
from email.parser import BytesParser

from pkgindex.uploads.refusals import UploadRefused, shown

_SCRIPTS = ("console_scripts", "gui_scripts")
_SCRIPT_NAME = re.compile(r"[A-Za-z0-9_.+-]+( [A-Za-z0-9_.+-]+)*")  # it becomes a file's name
_REFERENCE = re.compile(r"(\w+(\.\w+)*)(\s*:\s*\w+(\.\w+)*)?\s*(\[[^\]]*\])?")
# pip knows no space beside the colon of a script, and stumbles over most names of extras.
_SCRIPT = re.compile(r"(\w+(\.\w+)*)(:\w+(\.\w+)*)?\s*(\[\s*[\w-]+(,\s*\w+)*\s*\])?")


class _Parser(configparser.ConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr  # names are told apart by case


def check_wheel_file(path: str, content: bytes) -> None:
    """WHEEL must be of version 1, the only one that there is."""
    if not content.strip():
        raise UploadRefused(f"{path} is empty.")
    if not _is_utf8(content):
        raise UploadRefused(f"{path} is not UTF-8.")
    said = BytesParser().parsebytes(content, headersonly=True)
    # uv tells names apart by case.
    version = dict(said.items()).get("Wheel-Version", "None").strip()
    if not re.fullmatch(r"1\.\d{1,9}", version):
        raise UploadRefused(f"The Wheel-Version in {path} must be 1.0, not {shown(version)}.")


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def check_entry_points(path: str, content: bytes) -> None:
    for group, points in _read_groups(path, content).items():
        for name, reference in points.items():
            _check_point(path, group, name, reference)


def _read_groups(path: str, content: bytes) -> dict[str, dict[str, str]]:
    parser = _Parser(delimiters=("=",), interpolation=None, default_section="")
    try:
        parser.read_string(content.decode())
    except (configparser.Error, UnicodeDecodeError) as error:
        first = str(error).partition("\n")[0]
        raise UploadRefused(f"{path} cannot be read: {shown(first)}.") from error
    if "DEFAULT" in parser:
        raise UploadRefused(f"{path} has the group DEFAULT, which uv does not take.")
    return {group: dict(parser[group]) for group in parser.sections()}


def _check_point(path: str, group: str, name: str, reference: str) -> None:
    point = f"{path} has {shown(reference)} for {shown(name)}"
    is_script = group in _SCRIPTS
    found = (_SCRIPT if is_script else _REFERENCE).fullmatch(reference)
    if found is None:
        raise UploadRefused(f"{point}: no module, no object.")
    if not is_script:
        return
    if found[3] is None:
        raise UploadRefused(f"{point}: no function to call.")
    if not _SCRIPT_NAME.fullmatch(name) or set(name) <= {"."}:
        raise UploadRefused(f"{path} has the script {shown(name)}, which is no name of a file.")
