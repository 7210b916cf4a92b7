"""Checks at upload: what is in a wheel."""

import io
import zipfile

import pytest

from tests.pkgindex.refusing import FOLDER, RECORD, assert_refused
from tests.pkgindex.uploader import Uploader
from tests.pkgindex.wheels import (
    WHEEL,
    build_sdist,
    build_wheel,
    metadata_text,
    record_of,
    wheel_files,
    zip_of,
)

pytestmark = pytest.mark.django_db


def with_files(**changes: bytes | None) -> bytes:
    """A sound wheel with some members changed or, by None, left out; RECORD fits."""
    names = {"metadata": f"{FOLDER}/METADATA", "wheel": f"{FOLDER}/WHEEL"}
    files = wheel_files("hare", "1.0")
    for name, content in changes.items():
        files.pop(names[name])
        if content is not None:
            files[names[name]] = content
    return zip_of(files | {RECORD: record_of(files, RECORD)})


def with_member(name: str, content: bytes = b"x", *, mode: int = 0, points: str = "") -> bytes:
    """A sound wheel with one member more, of this mode; *points* are console scripts."""
    files = wheel_files("hare", "1.0") | {name: content}
    if points:
        files[f"{FOLDER}/entry_points.txt"] = f"[console_scripts]\n{points}\n".encode()
    files[RECORD] = record_of({n: c for n, c in files.items() if not n.endswith("/")}, RECORD)
    return zip_of(files, modes={name: mode})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no wheel",
        b"PK\x03\x04",
        b"PK\x05\x06" + b"\x00" * 18,
        b"x" * 100_000,
        build_wheel("hare", "1.0")[:-30],
        build_wheel("hare", "1.0")[50:],
        build_sdist("hare", "1.0"),
    ],
)
def test_a_file_that_is_no_wheel_is_refused(uploader: Uploader, content: bytes):
    assert_refused(uploader.wheel("hare", "1.0", content), "")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"#!/bin/sh\n" + build_wheel("hare", "1.0"), "does not begin with a zip entry."),
        (build_wheel("hare", "1.0") + b"trailing", "after its zip directory."),
        (with_files(metadata=None), f"The wheel has no {FOLDER}/METADATA."),
        (with_files(wheel=None), f"The wheel has no {FOLDER}/WHEEL."),
        (with_files(wheel=b""), f"{FOLDER}/WHEEL is empty."),
        (with_files(wheel=b"Tag: py3-none-any\n"), "WHEEL must be 1.0, not 'None'."),
        (with_files(wheel=WHEEL.lower().encode()), "WHEEL must be 1.0, not 'None'."),
        (with_files(wheel=f"{WHEEL}X: \xff".encode("latin-1")), "WHEEL is not UTF-8."),
        (
            with_files(metadata=metadata_text("hare", "1.0").encode() + b"\xff"),
            "The metadata cannot be read: UnicodeDecodeError",
        ),
        (with_files(wheel=b"Wheel-Version: 2.0\n"), "WHEEL must be 1.0, not '2.0'."),
        (zip_of(wheel_files("hare", "1.0")), f"The wheel has no {FOLDER}/RECORD."),
        (with_member("../evil.py"), "The archive has the unsafe path '../evil.py'."),
        (with_member("/etc/evil.py"), "The archive has the unsafe path '/etc/evil.py'."),
        (with_member("hare/../../evil.py"), "The archive has the unsafe path"),
        (with_member("..\\evil.py"), "The archive has the unsafe path"),
        (with_member("C:evil.py"), "The archive has the unsafe path"),
        (with_member("hare/\x01.py"), "The archive has the unreadable name"),
        (with_member("hare/./x.py"), "The archive has the unsafe path"),
        (with_member("hare//x.py"), "The archive has the unsafe path"),
        (with_member(f"{'h' * 256}.py"), "The archive has the unreadable name"),
        # pip and uv cannot install these, or not alike.
        (
            with_member("hare/__init__.py/x.py"),
            "__init__.py/x.py' in the wheel lies in a file",
        ),
        (with_member("hare/__init__.py/"), "'hare/__init__.py/' in the wheel lies in a file"),
        (with_member("hare-1.0.data/x.py"), "is not a file of hare-1.0.data/, in one of purelib,"),
        (with_member("hare-1.0.data/lib/x.py"), "is not a file of hare-1.0.data/"),
        (with_member("hare-1.0.data/scripts/x/y"), "is not a file of hare-1.0.data/"),
        (with_member("other-1.0.data/scripts/x"), "is not a file of hare-1.0.data/"),
        (with_member("notes.data"), "is not a file of hare-1.0.data/"),
        (with_member("hare-1.0.data/lib/"), "is not a file of hare-1.0.data/"),
        (with_member("hare-1.0.data/scripts/x/"), "is not a file of hare-1.0.data/"),
        (with_member("other-1.0.data/"), "is not a file of hare-1.0.data/"),
        (
            with_member(f"hare/{'h' * 200}/{'a' * 200}/{'r' * 200}/{'e' * 200}/{'s' * 200}"),
            "unread",
        ),
        (with_member("hare.egg-info/PKG-INFO"), "in the wheel would be another project."),
        (with_member("hare-1.0.data/purelib/x.egg-info"), "in the wheel would be another project."),
        (
            with_member("hare-1.0.data/purelib/hare/__init__.py"),
            "in the place of 'hare-1.0.data/pure",
        ),
        (with_member("hare-1.0.data/platlib/hare"), "__init__.py' in the wheel lies in a file."),
        (with_member(f"hare-1.0.data/purelib/{FOLDER}/METADATA"), "in the place of 'hare-1.0.data"),
        (with_member("hare-1.0.data/data/bin"), "in the place of 'the folder of the environment'"),
        (
            with_member("hare-1.0.data/data/bin/x", points="x = hare:x"),
            "in the place of 'the script",
        ),
        (with_member("notes.dist-info"), "one .dist-info folder, not 2."),
        (
            with_member("hare-1.0.data/scripts/x", mode=0o100644),
            "scripts/x' in the wheel is a script, but not marked as one (mode 755); a function",
        ),
        (with_member("hare-1.0.data/scripts/x", mode=0o120777), "is a script, but not marked as"),
        (with_member("hare-1.0.data/data/bin/x", mode=0o755), "to be run, but not as a file."),
        (with_files(wheel=f"{WHEEL}Wheel-Version: 1.1\n".encode()), "says Wheel-Version twice."),
        (with_files(wheel=f"{WHEEL}root-is-purelib: no\n".encode()), "Root-Is-Purelib twice."),
        (with_files(wheel=WHEEL.replace("\n", "\r").encode()), "ends neither with LF nor with CR"),
        (with_member("other-1.0.dist-info/METADATA"), "one .dist-info folder, not 2."),
        (zip_of({"hare/__init__.py": b""}), "one .dist-info folder, not 0."),
        (build_wheel("other", "1.0"), "'other-1.0.dist-info' in the wheel is not that of hare 1.0"),
        (build_wheel("hare", "1.1"), "'hare-1.1.dist-info' in the wheel is not that of hare 1.0"),
        (build_wheel("hare", "one"), "'hare-one.dist-info' in the wheel is not that of hare 1.0"),
    ],
)
def test_a_wheel_that_is_not_sound_is_refused(uploader: Uploader, content: bytes, sentence: str):
    assert_refused(uploader.wheel("hare", "1.0", content), sentence)


def with_points(text: str) -> bytes:
    return with_member(f"{FOLDER}/entry_points.txt", text.encode())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("hare = hare:run", "entry_points.txt cannot be read: 'File contains no section headers.'"),
        ("[console_scripts]\nhare = hare:run\nhare = hare:go", 'cannot be read: "While reading'),
        ("[console_scripts]\nhare = hare", "has 'hare' for 'hare': no function to call."),
        ("[gui_scripts]\nhare = hare [gui]", "has 'hare [gui]' for 'hare': no function to call."),
        ("[console_scripts]\nhare = hare run", "'hare run' for 'hare': no module, no object."),
        # pip stops with a traceback at these, uv at the last two.
        ("[console_scripts]\nhare = hare : run", "for 'hare': no module, no object."),
        ("[console_scripts]\nhare = hare:run [a.b]", "for 'hare': no module, no object."),
        ("[gui_scripts]\nhare = hare:run []", "for 'hare': no module, no object."),
        ("[gui_scripts]\nhare =\n  hare:run", "for 'hare': no module, no object."),
        ("[DEFAULT]\na = b", "has the group DEFAULT, which uv does not take."),
        ("[hare.plugins]\na = hare:1-2", "has 'hare:1-2' for 'a': no module, no object."),
        (
            "[console_scripts]\n../hare = hare:run",
            "the script '../hare', which is no name of a file",
        ),
        ("[console_scripts]\n.. = hare:run", "the script '..', which is no name of a file."),
        ("[console_scripts]\nhare go = hare:run", "the script 'hare go', which is no name of a"),
        # A traceback of pip's, too; uv knows both.
        ("; a comment\n[hare.plugins]\na = hare", "begins with ';': pip reads '#' alone."),
        ("[hare.plugins]\ra = hare", "entry_points.txt has a line that ends neither with LF nor"),
        ("[hare.plugins]\na = hare\u2028", "entry_points.txt has a line that ends neither with LF"),
    ],
)
def test_entry_points_that_cannot_be_installed_are_refused(
    uploader: Uploader, text: str, sentence: str
):
    assert_refused(uploader.wheel("hare", "1.0", with_points(text)), sentence)


@pytest.mark.parametrize(
    "name",
    [
        "purelib/x.py",
        "platlib/a/x.so",
        "scripts/run",
        "data/share/a/b",
        "headers/x.h",
        "data/site/hare/__init__.py",
    ],
)
def test_what_lies_in_the_wheels_own_data_folder_is_taken(uploader: Uploader, name: str):
    content = with_member(f"hare-1.0.data/{name}", mode=0o100755)

    assert uploader.wheel("hare", "1.0", content).status == 200


def test_scripts_for_windows_need_no_mark(uploader: Uploader):
    files = wheel_files("hare", "1.0") | {"hare-1.0.data/scripts/x.py": b"x"}
    files[f"{FOLDER}/WHEEL"] = WHEEL.replace("-any", "-win32").encode()
    content = zip_of(files | {RECORD: record_of(files, RECORD)})

    assert uploader.wheel("hare", "1.0", content).status == 200


def test_entry_points_in_use_are_taken(uploader: Uploader):
    text = (
        "[console_scripts]\nhare = hare.cli:main.run\nHARE3.9 = hare:run [fast, gui]\n"
        "# a comment\n[hare.plugins]\nplain = hare\nb = hare : x [a.b]\n\n[empty]\n"
    )

    assert uploader.wheel("hare", "1.0", with_points(text)).status == 200


def record_with(change: tuple[str, str]) -> bytes:
    files = wheel_files("hare", "1.0")
    record = record_of(files, RECORD).decode().replace(*change)
    return zip_of(files | {RECORD: record.encode()})


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (record_with(("\n", "\n\n")), "RECORD has the line '', not file, digest and size."),
        (record_with((",16\n", "\n")), "not file, digest and size."),
        (record_with((",16\n", ",16,\n")), "not file, digest and size."),
        (record_with((",16\n", ",many\n")), "not file, digest and size."),
        (record_with((",16\n", f",{10**20}\n")), "not file, digest and size."),
        (record_with(("hare/__init__.py", "hare/other.py")), "RECORD does not list 'hare/__init__"),
        (record_with(("RECORD,,", "RECORD,,\nhare/more.py,sha256=x,1")), "RECORD lists 'hare/more"),
        (record_with(("sha256=", "md5=")), "RECORD has the digest 'md5="),
        (record_with((",sha256=", ",,")), "not file, digest and size."),
        (record_with(("sha256=", "=")), "RECORD has the digest '="),
        (record_with(("sha256=", "sha256=A")), "is not what its RECORD says."),
    ],
)
def test_a_record_that_lies_is_refused(uploader: Uploader, content: bytes, sentence: str):
    assert_refused(uploader.wheel("hare", "1.0", content), sentence)


def test_a_name_that_stands_twice_in_a_wheel_is_refused(uploader: Uploader):
    target = io.BytesIO()
    files = wheel_files("hare", "1.0")
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in (files | {RECORD: record_of(files, RECORD)}).items():
            archive.writestr(name, content)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(f"{FOLDER}/METADATA", metadata_text("evil", "1.0"))

    assert_refused(
        uploader.wheel("hare", "1.0", target.getvalue()),
        f"The wheel has '{FOLDER}/METADATA' twice.",
    )


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_that_installers_need_not_know_is_refused(
    uploader: Uploader, compression: int
):
    files = wheel_files("hare", "1.0")
    content = zip_of(files | {RECORD: record_of(files, RECORD)}, compression=compression)

    assert_refused(uploader.wheel("hare", "1.0", content), "is neither stored nor deflated.")


def test_an_encrypted_wheel_is_refused(uploader: Uploader):
    content = bytearray(build_wheel("hare", "1.0"))
    directory = content.index(b"PK\x01\x02")
    content[directory + 8] |= 1

    assert_refused(uploader.wheel("hare", "1.0", bytes(content)), "is encrypted.")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(uploader: Uploader):
    content = with_member("hare/zeros.bin", b"\x00" * (65 * 2**20))

    assert len(content) < 2**20
    assert_refused(uploader.wheel("hare", "1.0", content), "unpacks to more than 67108864 bytes.")


def test_metadata_that_is_huge_is_refused(uploader: Uploader):
    content = with_files(metadata=b"x" * (4 * 2**20 + 1))

    assert_refused(uploader.wheel("hare", "1.0", content), "METADATA in the wheel is larger than")


@pytest.mark.parametrize("start", range(0, 800, 37))
def test_a_wheel_with_a_broken_byte_anywhere_is_refused_or_was_not_harmed(
    uploader: Uploader, start: int
):
    content = bytearray(build_wheel("hare", "1.0"))
    content[start % len(content)] ^= 0xFF

    said = uploader.wheel("hare", "1.0", bytes(content))

    assert said.status in {200, 400}, said
