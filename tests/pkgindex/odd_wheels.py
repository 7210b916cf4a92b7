"""Wheels built from parts, some of which are odd: sound archives, strange contents.

One seed is one wheel. Whatever the upload door takes of them, pip and uv must install alike.
"""

import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO

from pkgindex.uploads.core_metadata import read_core_metadata
from pkgindex.uploads.filenames import check_filename
from pkgindex.uploads.form import read_form
from pkgindex.uploads.refusals import UploadRefused
from pkgindex.uploads.wheel import read_wheel
from tests.pkgindex import odd_texts
from tests.pkgindex.strange_wheels import name_of
from tests.pkgindex.test_fuzz import FORM

FILE, RUNNABLE, LINK, FOLDER = 0o100644, 0o100755, 0o120777, 0o40755
MODES = [
    FILE, RUNNABLE, 0o100600, 0o100000, 0o100444, 0o100711, 0o100001, 0o104755, 0o644, 0o755, 0,
    LINK, 0o120644, FOLDER, 0o10644, 0o60755,
]  # fmt: skip
VERSIONS = [
    "1.0", "1.0", "1.0", "1", "1.0.0", "01.0", "1.0a1", "1.0.dev0", "1.0.post2", "1.0rc1", "1!2.0",
    "1.0+local", "1.0+local.7", "1.0+ubuntu.1.abc", "2026.11.22", "1.0+18446744073709551616",
    "1.0+007", "1.0.0.0.0.0", "v1.0", "1.0-1", "1.0_1", "1.0ALPHA1", "1.0+Local_7",
]  # fmt: skip
TAGS = [
    "py3-none-any", "py3-none-any", "py2.py3-none-any", "py3.py2-none-any", "py311-none-any",
    "cp311-none-any", "cp311-cp311-linux_x86_64", "cp38-abi3-manylinux_2_17_x86_64", "PY3-none-any",
    "py3-none-any.linux_x86_64", "cp311-cp311-manylinux_2_5_x86_64.manylinux1_x86_64",
    "py3-none-ANY", "py3.py3-none-any",
]  # fmt: skip
BUILDS = ["", "", "", "", "", "", "1", "0", "12_abc", "1.2", "007", "2abc", "99999999999999999999"]
# Names of files; the slot's own name stands for {}, so that no two wheels share one.
NAMES = [
    "{}/é.py", "{}/e\u0301.py", "{}/\u212b.py", "{}/日本.txt", "{}/\U0001f600.py", "{}/a b.py",
    "{}/.hidden", "{}/trailing.", "{}/trailing ", "{}/ leading", "{}/CON", "{}/nul.py",
    "{}/com1.txt",
    "{}/a:b", "{}/a*b.py", "{}/what?.py", "{}/a|b", "{}/<a>", '{}/a"b', "{}/a'b", "{}/a,b.py",
    '{}/",".py', "{}/-rf", "{}/%41.py", "{}/%2e%2e", "{}/a#b", "{}/a;b", "{}/a=b", "{}/~",
    "{}/$HOME",
    "{}/" + "n" * 200, "{}/" + "n" * 251 + ".py", "{}/" + "n" * 256, "{}/" + "é" * 127,
    "{}/" + "/".join(["deep"] * 60), "{}/" + "/".join(["d" * 200] * 8),
    "{}/" + "/".join(["d" * 250] * 17),
    "{}/Mod.py", "{}/MOD.py", "{}/mod.py", "{}/sub/Mod.py", "{}/SUB/mod.py", "{}.py", "{}.pth",
    "{}-nspkg.pth", "{}/__pycache__/x.cpython-311.pyc", "{}/x.pyc", "{}/x.so", "{}/RECORD",
    "{}/INSTALLER", "{}/REQUESTED", "{}/direct_url.json", "{}/METADATA", "{}.egg-info/PKG-INFO",
    "{}.egg-info", "{}.dist-info", "{}x.data", "{}/ß.py", "{}/SS.py", "{}/ﬁ.py", "{}/\u200b.py",
    "{}/\u202etxt.py", "{}/\x7f.py", "{}/a\tb.py", "{}/..hidden", "{}/...", "{}/a/../b.py",
    "{}/./b.py", "{}//b.py", "/{}/b.py", "{}\\b.py", "C:{}.py", "{}/\ud7ff.py",
    "{}/\uff0e\uff0e/b.py",
    "{}/nested-1.0.dist-info/METADATA", "{}/{}-1.0.dist-info/METADATA",
    "other{}-1.0.dist-info/METADATA",
    "{}/{}-1.0.data/scripts/nested{}", "{}-1.0.DIST-INFO/METADATA", "{}-1.0.dist-info.bak/METADATA",
    ".data/{}", ".dist-info/{}", "x.dist-info/{}", "share/{}", "bin/{}", "{}.data/scripts/{}",
]  # fmt: skip
DATA = [
    "scripts/{}-run", "scripts/{}.sh", "scripts/{} run", "scripts/{}é", "scripts/.{}",
    "scripts/sub/{}",
    "scripts/{}.py", "scripts/{}.exe", "scripts/{}-script.py", "scripts/{}-run-script.py",
    "purelib/{}/from_data.py", "platlib/{}/from_data.py", "purelib/{}/__init__.py",
    "platlib/{}/__init__.py", "purelib/{}-1.0.dist-info/METADATA", "purelib/{}-1.0.dist-info/extra",
    "platlib/{}-1.0.dist-info/RECORD", "purelib/other{}-1.0.dist-info/METADATA",
    "headers/{}.h", "headers/sub/{}.h", "data/share/{}/x", "data/{}.cfg", "data/bin/{}-data",
    "data/lib/python3.11/site-packages/{}/x.py", "data/etc/{} x", "data/share/{}/é", "{}/x", "x{}",
    "SCRIPTS/{}", "Purelib/{}/x.py", "data/{}/INSTALLER", "scripts/{}/", "data/share/{}/", "{}/",
    "scripts/", "headers/{}/",
]  # fmt: skip
SHEBANGS = [
    b"#!python\nprint(1)\n", b"#!python", b"#!pythonw\n", b"#!python3\n", b"#!python -E\nx\n",
    b"#!python\r\nprint(1)\r\n", b"#! python\n", b"#!/usr/bin/env python\n", b"#!/bin/sh\necho\n",
    b"\x7fELF\x00\xff", b"", b"#", b"#!", b"#!PYTHON\n", b"\xef\xbb\xbf#!python\n", b"print(1)\n",
    b"#!python\n#!python\n", b"#!pythonic\n", b"#!python\x00\n", b"#!python3.11\n",
    b"#!python\xff\nx",
]  # fmt: skip


@dataclass
class Plan:
    """A wheel before it is packed. The dice decide, the same for one seed."""

    dice: random.Random
    slot: str
    version: str
    stem: str  # of its folders: "hare00-1.0"
    files: dict[str, tuple[bytes, int]] = field(default_factory=dict)  # bytes and mode
    record: str | None = None

    def put(self, name: str, content: bytes, mode: int = FILE) -> None:
        self.files[name] = content, mode

    def dist_info(self, name: str) -> str:
        return f"{self.stem}.dist-info/{name}"


@dataclass(frozen=True)
class OddWheel:
    filename: str
    content: bytes
    fields: dict[str, str]  # of the form

    def is_taken(self) -> bool:
        """Whether the upload door takes it; anything but a sentence is raised."""
        try:
            form = read_form(self.fields)
            check_filename(self.filename, form)
            file = BytesIO(self.content)
            read_core_metadata(read_wheel(file, size=len(self.content), form=form), form)
        except UploadRefused:
            return False
        return True


def odd_wheel(seed: int) -> OddWheel:
    dice = random.Random(seed)
    slot, version = name_of(seed), dice.choice(VERSIONS)
    plan = Plan(dice, slot, version, f"{slot}-{version}")
    if dice.random() < 0.2:
        plan.stem = f"{_spelled(slot, dice)}-{dice.choice([version, '1.0', '1.0.0', '1'])}"
    plan.put(f"{slot}/__init__.py", b"VERSION = 1\n")
    plan.put(plan.dist_info("METADATA"), odd_texts.plain_metadata(slot, version).encode())
    plan.put(plan.dist_info("WHEEL"), odd_texts.WHEEL.encode())
    for change in dice.choices(list(ODDITIES), ODDITIES.values(), k=dice.randint(1, 5)):
        change(plan)
    content = _packed(plan)
    return OddWheel(_filename(plan), content, FORM | {"name": slot, "version": version})


def _filename(plan: Plan) -> str:
    dice = plan.dice
    name = _spelled(plan.slot, dice) if dice.random() < 0.1 else plan.slot
    version = dice.choice(["1.0", "1.0.0", "1"]) if dice.random() < 0.1 else plan.version
    parts = [name, version, *filter(None, [dice.choice(BUILDS)]), dice.choice(TAGS)]
    return "-".join(parts) + ".whl"


def _spelled(slot: str, dice: random.Random) -> str:
    """Other spellings of a name; none has a hyphen, which ends it."""
    return dice.choice([slot.title(), slot.upper(), slot, f"{slot}_", f"_{slot}", f"{slot}.x"])


def _file(plan: Plan) -> None:
    name = plan.dice.choice(NAMES).replace("{}", plan.slot)
    plan.put(name, plan.dice.choice([b"", b"x = 1\n", b"#!python\n", b"\r\n"]), _mode(plan))


def _folder(plan: Plan) -> None:
    """An entry of its own for a folder: empty, of files that are there, or oddly said."""
    known = plan.dice.choice(list(plan.files)).rpartition("/")[0]
    name = plan.dice.choice([known, f"{plan.slot}/empty", f"{plan.slot}/é ", plan.slot, plan.stem])
    content = b"x" if plan.dice.random() < 0.1 else b""
    plan.put(f"{name}/", content, plan.dice.choice([FOLDER, 0, FILE, RUNNABLE, LINK]))


def _data(plan: Plan) -> None:
    stems = [plan.stem] * 6 + [plan.stem.upper(), plan.stem.title(), f"{plan.slot}-2.0", plan.slot]
    name = plan.dice.choice(DATA).replace("{}", plan.slot)
    is_script = name.startswith("scripts/")
    content = plan.dice.choice(SHEBANGS) if is_script else b"/* \xff */"
    folder = name.endswith("/")
    plan.put(f"{plan.dice.choice(stems)}.data/{name}", b"" if folder else content, _mode(plan))


def _mode(plan: Plan) -> int:
    return plan.dice.choice(MODES) if plan.dice.random() < 0.5 else FILE


def _modes(plan: Plan) -> None:
    for name in plan.dice.sample(list(plan.files), min(3, len(plan.files))):
        plan.put(name, plan.files[name][0], plan.dice.choice(MODES))


def _wheel_file(plan: Plan) -> None:
    plan.put(plan.dist_info("WHEEL"), odd_texts.wheel_file(plan.dice))


def _metadata(plan: Plan) -> None:
    names = [plan.slot, _spelled(plan.slot, plan.dice)]
    text = odd_texts.metadata(plan.dice, names, plan.version)
    plan.put(plan.dist_info("METADATA"), text)


def _entry_points(plan: Plan) -> None:
    plan.put(plan.dist_info("entry_points.txt"), odd_texts.entry_points(plan.dice, plan.slot))


def _beside(plan: Plan) -> None:
    """Another file in .dist-info: one of the standards', or one that installers write."""
    name = plan.dice.choice([
        "INSTALLER", "REQUESTED", "direct_url.json", "RECORD.jws", "RECORD.p7s", "top_level.txt",
        "licenses/LICENSE", "licenses/é", "sboms/x.json", "uv_cache.json", "record", "Metadata",
        "wheel", "PKG-INFO", "metadata.json", "namespace_packages.txt", "ENTRY_POINTS.txt",
        "zip-safe",
        "RECORD/x", "METADATA/x", "build_details.json", "uv_build.json", "provenance_url.json",
    ])  # fmt: skip
    plan.put(plan.dist_info(name), plan.dice.choice([b"", b"pip\n", b"{}", b"\xff", b"x"]))


def _missing(plan: Plan) -> None:
    del plan.files[plan.dice.choice(list(plan.files))]
    plan.files = plan.files or {"x": (b"", FILE)}


def _record(plan: Plan) -> None:
    plan.record = plan.dice.choice(odd_texts.RECORDS)


ODDITIES: dict[Callable[[Plan], None], int] = {
    _file: 10, _folder: 3, _data: 7, _modes: 3, _wheel_file: 4, _metadata: 3, _entry_points: 5,
    _beside: 3, _record: 4, _missing: 1,
}  # fmt: skip


def _packed(plan: Plan) -> bytes:
    dice, path = plan.dice, plan.dist_info("RECORD")
    contents = {name: content for name, (content, _) in plan.files.items()}
    plan.put(path, odd_texts.record(contents, path, plan.record, dice))
    names = list(plan.files)
    if dice.random() < 0.3:
        dice.shuffle(names)
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in names:
            content, mode = plan.files[name]
            archive.writestr(_entry(name, mode, dice), content)
    return target.getvalue()


def _entry(name: str, mode: int, dice: random.Random) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, dice.choice([(2026, 1, 1, 0, 0, 0), (1980, 1, 1, 0, 0, 0)]))
    entry.filename = name  # as it is: ZipInfo cuts at a NUL
    entry.external_attr = mode << 16 | (0x10 if name.endswith("/") and dice.random() < 0.8 else 0)
    entry.create_system = dice.choice([3, 3, 3, 3, 0])  # Unix, or MS-DOS, which has no modes
    entry.compress_type = dice.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
    return entry
