"""What stands in a wheel's .dist-info folder for installers: WHEEL and entry_points.txt.

Each is refused if pip or uv would refuse to install the wheel for it.
"""

import configparser
import re
from email.parser import BytesParser

from pkgindex.uploads.refusals import UploadRefused, shown

_SCRIPTS = ("console_scripts", "gui_scripts")
# It becomes a file's name; of one with a space pip 23.2.1 takes the last word alone.
_SCRIPT_NAME = re.compile(r"[A-Za-z0-9_.+-]+")
_REFERENCE = re.compile(r"(\w+(\.\w+)*)(\s*:\s*\w+(\.\w+)*)?\s*(\[[^\]]*\])?")
# pip knows no space beside the colon of a script, and stumbles over most names of extras.
_SCRIPT = re.compile(r"(\w+(\.\w+)*)(:\w+(\.\w+)*)?\s*(\[\s*[\w-]+(,\s*\w+)*\s*\])?")
_OTHER_BREAK = re.compile(r"\r(?!\n)|[\v\f\x1c-\x1e\x85\u2028\u2029]")


class _Parser(configparser.ConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr  # names are told apart by case


def check_wheel_file(path: str, content: bytes) -> bool:
    """WHEEL must be of version 1, the only one that there is. Whether it is for Windows alone."""
    if not content.strip():
        raise UploadRefused(f"{path} is empty.")
    said = BytesParser().parsebytes(_check_text(path, content), headersonly=True)
    for field in ("Wheel-Version", "Root-Is-Purelib"):
        if len(said.get_all(field, [])) > 1:  # pip takes the first, uv the last
            raise UploadRefused(f"{path} says {field} twice.")
    # uv tells names apart by case.
    version = dict(said.items()).get("Wheel-Version", "None").strip()
    if not re.fullmatch(r"1\.\d{1,9}", version):
        raise UploadRefused(f"The Wheel-Version in {path} must be 1.0, not {shown(version)}.")
    platforms = [str(tag).rpartition("-")[2] for tag in said.get_all("Tag", [])]
    return bool(platforms) and all(platform.startswith("win") for platform in platforms)


def _check_text(path: str, content: bytes) -> bytes:
    """UTF-8, in lines that all readers tell apart alike."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise UploadRefused(f"{path} is not UTF-8.") from error
    if _OTHER_BREAK.search(text):
        raise UploadRefused(f"{path} has a line that ends neither with LF nor with CR LF.")
    return content


def check_entry_points(path: str, content: bytes) -> set[str]:
    """The names of the programs that an installer makes of it."""
    groups = _read_groups(path, content)
    for group, points in groups.items():
        for name, reference in points.items():
            _check_point(path, group, name, reference)
    return {name for group in _SCRIPTS for name in groups.get(group, {})}


def _read_groups(path: str, content: bytes) -> dict[str, dict[str, str]]:
    """The points of each group, from lines that are a group, a point, a comment with "#" or empty:
    pip, which reads line by line, stops with a traceback at any other.
    """
    parser = _Parser(delimiters=("=",), interpolation=None, default_section="")
    try:
        parser.read_string(_check_text(path, content).decode())
    except configparser.Error as error:
        first = str(error).partition("\n")[0]
        raise UploadRefused(f"{path} cannot be read: {shown(first)}.") from error
    if any(line.lstrip().startswith(b";") for line in content.splitlines()):
        raise UploadRefused(f"{path} has a comment that begins with ';': pip reads '#' alone.")
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
