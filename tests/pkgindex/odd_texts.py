"""What odd wheels say of themselves: WHEEL, METADATA, entry_points.txt and RECORD."""

import base64
import hashlib
import random
from collections.abc import Mapping

WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_BOM = b"\xef\xbb\xbf"
_WHEEL_LINES = [
    "Root-Is-Purelib: true", "Root-Is-Purelib: false", "Root-Is-Purelib: TRUE",
    "Root-Is-Purelib: False", "Root-Is-Purelib: yes", "Root-Is-Purelib:", "root-is-purelib: false",
    "Root-Is-Purelib:  true ", "Root-Is-Purelib: true\n ", "Tag: py3-none-any",
    "Tag: cp39-cp39-win32",
    "Tag: nonsense", "Tag:", "Build: 1", "Build: x", "Generator: \u00e4", "Generator: a\n b",
    "Wheel-Version: 1.0", "Wheel-Version: 2.0", "no colon", "", " folded", ": empty", "X: \x00",
    "Wheel-Version: 1.0 ", "X-\u00e4: b", "Wheel-Version : 1.0", "X: \x85y", "X: \x0cy",
    "X: \u2028y",
]  # fmt: skip
_WHEEL_VERSIONS = [
    "1.0", "1.0", "1.0", "1.9", "1.00", "1.10", "01.0", "2.0", "1", "1.0.0", "1.x", "+1.0",
    " 1.0\t",
    "1.0\n ", "1_0.0", "\u0661.0", "1.0 (x)",
]  # fmt: skip
_METADATA_LINES = [
    "Requires-Dist: nothing-of-that-name", "Requires-Dist: x>=1.*", "Requires-Dist: x (>=1)",
    "Requires-Dist: x @ https://a.example/x.whl", "Requires-Dist: x[y]; extra == 'z'",
    "Requires-Python: >=3.8", "Requires-Python: ", "Provides-Extra: z", "Provides-Extra: Z_z",
    "Provides-Extra: z.z", "License-File: LICENSE", "License-Expression: MIT",
    "License: x\n        y",
    "Dynamic: Requires-Dist", "Summary: \u00e4\u2028b", "Keywords: a,b", "Author: =?utf-8?q?x?=",
    "Import-Name: hare", "X-Own: y", "Description: z", "Description-Content-Type: text/x-rst",
    "Home-page: https://a.example", "Project-URL: A, https://a.example", "Platform: any",
]  # fmt: skip
_REFERENCES = [
    "{}:main", "{}:main", "{}:a.b", "{} : main", "{}:main [x]", "{}:main [x,y]", "{}:main[x-y]",
    "{}", "{}.sub:main", "{}:", ":main", "{}:main()", "{}: main", "{}:main # x", "{}:m\u00e4in",
    "{}:main [", "{}:main []", "{}:class", "a b:c", "1a:b", "{}:main\n  more", "", "{}:main ;x",
    "{}:main [x.y]", "{}:main [x , y]", "{}:main\t", "{}:\uff4dain", "{}.:main", "{}:main [x,]",
]  # fmt: skip
_POINTS = [
    "{}-a", "{}-a", "{}.b", "{} c", "{}\u00e9", "{}+d", "{}:e", "{}[f]", "{}/g", "..{}", ".{}",
    "-{}",
    "{}-run", "{}.exe", "{}=h", "{};i", "#{}", "{}-A", "{}\u0301", "{}.py", "{}-script.py", "{}w",
    "{}\\j", "{}\tk", "{}~", "{}'", "[{}", "{}  two", "_{}", "{}" * 40,
]  # fmt: skip
_GROUPS = [
    "console_scripts", "console_scripts", "console_scripts", "gui_scripts", "x.plugins", "x y",
    "Console_Scripts", " console_scripts", "console_scripts ", "", "DEFAULT", "default", "a]b",
    "a.b-c",
    "\u00e9", "console_scripts] x",
]  # fmt: skip
RECORDS = [
    "no hashes", "sha384", "sha512", "sha1", "md5", "SHA256", "padded", "hex", "extra", "missing",
    "twice", "itself with a hash", "not itself", "no sizes", "wrong sizes", "quoted", "crlf", "bom",
    "no end", "empty line", "spaces", "dot slash", "absolute", "folders", "four", "cr", "backslash",
    "unsorted", "empty", "signed size", "long size", "twice alike", "half quoted", "case", "nfd",
    "\u2028", "tab", "wrong hash", "folder alone", "plus", "blank before", "itself twice",
]  # fmt: skip


def plain_metadata(name: str, version: str) -> str:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nA test.\n"


def wheel_file(dice: random.Random) -> bytes:
    lines = [f"Wheel-Version: {dice.choice(_WHEEL_VERSIONS)}", "Generator: tests"]
    lines += dice.sample(_WHEEL_LINES, dice.randint(0, 4))
    if dice.random() < 0.3:
        dice.shuffle(lines)
    return _written(lines, dice)


def metadata(dice: random.Random, names: list[str], version: str) -> bytes:
    lines = [f"Metadata-Version: {dice.choice(['2.1', '2.2', '2.3', '2.4', '2.5', '1.2'])}"]
    versions = [version, version, "1.0", "1.0.0", f" {version} "]
    lines += [f"Name: {dice.choice(names)}", f"Version: {dice.choice(versions)}"]
    lines += dice.sample(_METADATA_LINES, dice.randint(0, 4))
    if dice.random() < 0.3:
        dice.shuffle(lines)
    return _written([*lines, "", dice.choice(["", "A test.", "Name: other", "\u00e4\n\x0c"])], dice)


def entry_points(dice: random.Random, slot: str) -> bytes:
    lines = ["# a comment"] if dice.random() < 0.2 else []
    for group in dice.sample(_GROUPS, dice.randint(1, 3)):
        lines.append(f"[{group}]")
        for _ in range(dice.randint(0, 2)):
            name = dice.choice(_POINTS) if dice.random() < 0.5 else "{}-a"
            reference = dice.choice(_REFERENCES) if dice.random() < 0.5 else "{}:main"
            between = dice.choice([" = ", " = ", "=", ":", " : ", "  =  ", " "])
            lines.append(f"{name}{between}{reference}".replace("{}", slot))
        lines += dice.choice([[], [], [""], ["; c"], ["# d"], ["  indented"], ["alone"]])
    return _written(lines, dice)


def _written(lines: list[str], dice: random.Random) -> bytes:
    text = dice.choices(["\n", "\r\n", "\r"], [12, 3, 1])[0].join([*lines, ""])
    content = text.encode()
    kind = dice.choices(
        ["", "bom", "utf-16", "latin-1", "no end", "empty", "before"], [40, 2, 1, 1, 3, 1, 2]
    )
    match kind[0]:
        case "bom":
            return _BOM + content
        case "utf-16":
            return text.encode("utf-16")
        case "latin-1":
            return text.encode("latin-1", "replace") + b"\xe4"
        case "no end":
            return content.rstrip()
        case "empty":
            return b""
        case "before":
            return b"\n" + content
    return content


def record(files: Mapping[str, bytes], path: str, how: str | None, dice: random.Random) -> bytes:
    """RECORD of these files, as *how* says."""
    named = {name: content for name, content in files.items() if not name.endswith("/")}
    rows = [_row(name, content, how) for name, content in named.items()] + [f"{path},,"]
    victim = dice.randrange(len(rows))
    rows = _changed(rows, victim, how, path, list(files))
    end = {"crlf": "\r\n", "cr": "\r"}.get(how or "", "\n")
    content = end.join([*rows, ""]).encode("utf-8", "surrogatepass")
    match how:
        case "bom":
            return _BOM + content
        case "no end":
            return content.rstrip()
        case "empty":
            return b""
    return content


def _row(name: str, content: bytes, how: str | None) -> str:
    algorithm = how.lower() if how in {"sha384", "sha512", "sha1", "md5"} else "sha256"
    raw = hashlib.new(algorithm, content, usedforsecurity=False).digest()
    digest = base64.urlsafe_b64encode(raw).decode()
    digest = digest if how == "padded" else digest.rstrip("=")
    digest = raw.hex() if how == "hex" else digest
    shown = (
        f'"{name.replace(chr(34), chr(34) * 2)}"'
        if how == "quoted" or set(',"') & set(name)
        else name
    )
    size: object = {"no sizes": "", "wrong sizes": 7}.get(how or "", len(content))
    said = f"{'SHA256' if how == 'SHA256' else algorithm}={digest}"
    return f"{shown},{'' if how == 'no hashes' else said},{size}"


def _changed(
    rows: list[str], victim: int, how: str | None, path: str, names: list[str]
) -> list[str]:
    row, others = rows[victim], rows[:victim] + rows[victim + 1 :]
    new: dict[str, list[str]] = {
        "extra": [row, "not/there.py,,"],
        "missing": [],
        "twice": [row, row.partition(",")[0] + ",,"],
        "twice alike": [row, row],
        "empty line": ["", row],
        "blank before": [" ", row],
        "spaces": [row.replace(",", " , ")],
        "dot slash": ["./" + row],
        "absolute": ["/" + row],
        "folders": [row, *(f"{name},," for name in names if name.endswith("/"))],
        "folder alone": [row, f"{names[0].partition('/')[0]}/,,"],
        "four": [row + ","],
        "backslash": [row.replace("/", "\\")],
        "signed size": [row.rpartition(",")[0] + ",+1"],
        "long size": [row.rpartition(",")[0] + "," + "9" * 30],
        "half quoted": ['"' + row],
        "case": [row.partition(",")[0].upper() + "," + row.partition(",")[2]],
        "nfd": [row.replace("\u00e9", "e\u0301")],
        "\u2028": [row + "\u2028"],
        "tab": [row + "\t"],
        "wrong hash": [row.replace("=", "=A")],
        "plus": [row.replace("_", "/").replace("-", "+")],
        "itself twice": [row, f"{path},,"],
    }  # fmt: skip
    if how == "itself with a hash":
        return [*rows[:-1], f"{path},sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0"]
    if how == "not itself":
        return rows[:-1]
    if how == "unsorted":
        return rows[::-1]
    return [*others[:victim], *new.get(how or "", [row]), *others[victim:]]
