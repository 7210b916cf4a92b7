"""What a file must be: each lie gets one sentence that names it, and nothing is stored."""

import gzip
import hashlib
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage

from pkgindex.models import File, Project
from tests.pkgindex.uploader import Said, Uploader
from tests.pkgindex.wheels import (
    WHEEL,
    build_sdist,
    build_wheel,
    metadata_text,
    record_of,
    tar_of,
    wheel_files,
    zip_of,
)

pytestmark = pytest.mark.django_db

FOLDER = "hare-1.0.dist-info"
RECORD = f"{FOLDER}/RECORD"


def assert_refused(said: Said, sentence: str) -> None:
    """A 400 with the sentence in the reason phrase and the body, and nothing stored."""
    assert said.status == 400, said
    assert sentence in said.reason
    assert said.reason.isascii()
    assert said.reason.isprintable()
    assert said.body.strip()
    assert not File.objects.exists()
    assert not Project.objects.exists()
    assert not Path(default_storage.path("")).exists()


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


# --- the form ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        (":action", "submit", "The field :action must be file_upload, not 'submit'."),
        (":action", None, "The field :action must be file_upload, not 'None'."),
        ("protocol_version", "2", "The field protocol_version must be 1, not '2'."),
        ("filetype", "bdist_egg", "must be sdist or bdist_wheel, not 'bdist_egg'."),
        ("pyversion", "source", "The pyversion of a wheel must be its Python tag, not 'source'."),
        ("name", "-hare", "'-hare' is not a valid project name."),
        ("name", "h\xe4re", "'h\\xe4re' is not a valid project name."),
        ("name", "h" * 101, "is not a valid project name."),
        ("version", "one", "'one' is not a valid version."),
        ("version", "9" * 5000, "is not a valid version."),
        ("version", "1.18446744073709551615", "is not a valid version."),  # uv cannot read it
        ("requires_python", "three", "'three' is not a valid Requires-Python."),
        ("sha256_digest", None, "The upload says no digest, e.g. sha256_digest."),
    ],
)
def test_a_field_that_cannot_be_meant_is_named(
    uploader: Uploader, field: str, value: str | None, sentence: str
):
    assert_refused(uploader.wheel("hare", "1.0", **{field: value}), sentence)


def test_the_pyversion_of_an_sdist_is_source(uploader: Uploader):
    assert_refused(uploader.sdist(pyversion="py3"), "must be source, not 'py3'.")


def test_an_upload_without_a_file_is_refused(uploader: Uploader):
    said = uploader.raw(
        b'--x\r\nContent-Disposition: form-data; name=":action"\r\n\r\nfile_upload\r\n--x--\r\n',
        "multipart/form-data; boundary=x",
    )

    assert_refused(said, "The upload has no file in the field content.")


@pytest.mark.parametrize("field", ["sha256_digest", "blake2_256_digest", "md5_digest"])
@pytest.mark.parametrize("digest", ["0" * 64, "nonsense", "\xe4"])
def test_a_digest_that_lies_is_refused(uploader: Uploader, field: str, digest: str):
    said = uploader.wheel(**{field: digest})

    assert_refused(said, f"The {field} ")
    assert "is not that of the uploaded file." in said.reason


def test_every_digest_that_tells_the_truth_is_taken(uploader: Uploader):
    content = build_wheel("hare", "1.0")

    said = uploader.wheel(
        blake2_256_digest=hashlib.blake2b(content, digest_size=32).hexdigest().upper(),
        md5_digest=hashlib.md5(content).hexdigest(),
    )

    assert said.status == 200, said


# --- the file name ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filename", "sentence"),
    [
        ("harem-1.0-py3-none-any.whl", "should be 'hare' not 'harem'."),
        ("hare-1.1-py3-none-any.whl", "should be '1.0' not '1.1'."),
        ("hare-1.0.tar.gz", "'hare-1.0.tar.gz' is not the file name of a wheel."),
        ("hare-1.0.whl", "is not the file name of a wheel."),
        ("hare-1.0-py3-none-any.whl.exe", "is not the file name of a wheel."),
        ("hare-1.0-py3-none-any.whl\x00", "is not a plain name."),
        ("hare 1.0-py3-none-any.whl", "is not a plain name."),
        ("h\xe4re-1.0-py3-none-any.whl", "is not a plain name."),
        (f"hare-1.0-{'1' * 200}-py3-none-any.whl", "is not a plain name."),
        # uv cannot read the first, and looks for the tags of the others in vain.
        ("hare-1.0-18446744073709551615-py3-none-any.whl", "The build number in 'hare-1.0-1844"),
        ("hare-1.0-PY3-none-any.whl", "The tags in 'hare-1.0-PY3-none-any.whl' must be"),
        ("hare-1.0-1-py3-none-ANY.whl", "must be in lower case"),
    ],
)
def test_a_file_name_that_lies_is_refused(uploader: Uploader, filename: str, sentence: str):
    assert_refused(uploader.wheel(filename=filename), sentence)


@pytest.mark.parametrize(
    "filename",
    [
        "../hare-1.0-py3-none-any.whl",
        "../../../../etc/hare-1.0-py3-none-any.whl",
        "/etc/passwd",
        "a/hare-1.0-py3-none-any.whl",
        "..\\hare-1.0-py3-none-any.whl",
        "C:\\hare-1.0-py3-none-any.whl",
    ],
)
def test_a_path_in_a_file_name_is_refused(uploader: Uploader, filename: str):
    boundary = "x" * 20
    content = build_wheel("hare", "1.0")
    fields = {
        ":action": "file_upload", "protocol_version": "1", "name": "hare", "version": "1.0",
        "filetype": "bdist_wheel", "pyversion": "py3", "metadata_version": "2.1",
        "sha256_digest": hashlib.sha256(content).hexdigest(),
    }  # fmt: skip
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'form-data; name="content"; filename="{filename}"'
    parts += [f"--{boundary}\r\nContent-Disposition: {head}\r\n\r\n".encode(), content]
    parts += [f"\r\n--{boundary}--\r\n".encode()]

    said = uploader.raw(b"".join(parts), f"multipart/form-data; boundary={boundary}")

    assert_refused(said, "is not a plain name.")


@pytest.mark.parametrize(
    ("filename", "sentence"),
    [
        ("Hare-1.0.tar.gz", "should be 'hare-1.0.tar.gz' (PEP 625)."),
        ("hare-1.0.zip", "should be 'hare-1.0.tar.gz' (PEP 625)."),
        ("hare.tar.gz", "is not the file name of an sdist."),
        ("hare-1.0.tar.bz2", "is not the file name of an sdist."),
    ],
)
def test_an_sdist_is_named_as_pep_625_says(uploader: Uploader, filename: str, sentence: str):
    assert_refused(uploader.sdist("hare", "1.0", filename=filename), sentence)


# --- wheels -----------------------------------------------------------------------------------


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


# --- sdists -----------------------------------------------------------------------------------


def tar_with(*members: tarfile.TarInfo, info: bool = True) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        text = metadata_text("hare", "1.0").encode()
        head = tarfile.TarInfo("hare-1.0/PKG-INFO")
        head.size = len(text)
        if info:
            archive.addfile(head, io.BytesIO(text))
        for member in members:
            archive.addfile(member, io.BytesIO(b"\x00" * member.size))
    return target.getvalue()


def member(name: str, **attributes: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info


SDIST = build_sdist("hare", "1.0")
TAR = gzip.decompress(SDIST)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "cannot be read as an sdist"),
        (b"no sdist", "cannot be read as an sdist"),
        (build_wheel("hare", "1.0"), "cannot be read as an sdist"),
        (gzip.compress(b"no tar" * 200), "cannot be read as an sdist"),
        (build_sdist("hare", "1.0")[:-20], "cannot be read as an sdist"),
        (SDIST[:-8] + b"crc!" + SDIST[-4:], "cannot be read as an sdist: BadGzipFile: CRC"),
        (SDIST + b"more", "cannot be read as an sdist: BadGzipFile"),
        (SDIST + gzip.compress(TAR), "The sdist has other bytes behind its end."),
        (gzip.compress(TAR + bytes(70 * 2**20)), "unpacks to more than 67108864 bytes."),
        (tar_of({"hare-1.0/setup.py": b""}), "The sdist has no hare-1.0/PKG-INFO."),
        (tar_with(member("other/setup.py")), "'other/setup.py' in the sdist is not in the folder"),
        (tar_with(member("../evil")), "The archive has the unsafe path '../evil'."),
        (tar_with(member("/etc/evil")), "The archive has the unsafe path '/etc/evil'."),
        (tar_with(member("hare-1.0/PKG-INFO")), "The sdist has 'hare-1.0/PKG-INFO' twice."),
        (
            tar_with(member("hare-1.0/fifo", type=tarfile.FIFOTYPE)),
            "is not a file, folder or link.",
        ),
        (
            tar_with(member("hare-1.0/PKG-INFO", size=5 * 2**20), info=False),
            "PKG-INFO in the sdist is larger than 4 MB.",
        ),
        (
            tar_with(member("hare-1.0/PKG-INFO", type=tarfile.SYMTYPE, linkname="x"), info=False),
            "hare-1.0/PKG-INFO in the sdist is not a file.",
        ),
        (
            tar_with(member("hare-1.0/zeros", size=66 * 2**20)),
            "unpacks to more than 67108864 bytes.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "archive",
)
def test_an_sdist_that_is_not_sound_is_refused(uploader: Uploader, content: bytes, sentence: str):
    assert_refused(uploader.sdist("hare", "1.0", content), sentence)


# --- core metadata ----------------------------------------------------------------------------


def wheel_saying(text: str) -> bytes:
    return build_wheel("hare", "1.0", text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            metadata_text("evil", "1.0"),
            "The Name in the file is 'evil', but the upload says 'hare'.",
        ),
        (
            metadata_text("hare", "1.1"),
            "The Version in the file is '1.1', but the upload says '1.0'.",
        ),
        (
            metadata_text("hare", "1.0", requires_python=">=3.9"),
            "The Requires-Python in the file is '>=3.9', but the upload says ''.",
        ),
        (
            metadata_text("hare", "1.0", metadata_version="1.2"),
            "Metadata-Version '1.2' is not one of 2.1, 2.2, 2.3, 2.4, 2.5.",
        ),
        (metadata_text("hare", "1.0", metadata_version="3.0"), "'3.0' is not one of"),
        (metadata_text("hare", "1.0", requires=("not a requirement",)), "The metadata is invalid"),
        ("", "Metadata-Version '' is not one of"),
        ("Metadata-Version: 2.1\n", "The metadata is invalid: 'name'"),
        ("Metadata-Version: 2.1\nName: hare\n", "The metadata is invalid: 'version'"),
        ("\x00\x00\x00", "Metadata-Version '' is not one of"),
        (metadata_text("hare", f"1{'.0' * 60}"), "is not a valid version."),
        (metadata_text("hare", "9" * 5000), "The metadata cannot be read: ValueError"),
        (
            metadata_text("hare", "1.0", requires_python=f">={'9' * 5000}"),
            "is not a valid Requires-Python.",
        ),
        (
            metadata_text("hare", "1.0", requires=(f"x; {'(' * 3000}os_name=='x'{')' * 3000}",)),
            "The metadata cannot be read: RecursionError",
        ),
    ],
)
def test_metadata_that_lies_is_refused(uploader: Uploader, text: str, sentence: str):
    assert_refused(uploader.wheel("hare", "1.0", wheel_saying(text)), sentence)


def test_the_metadata_of_an_sdist_is_read_too(uploader: Uploader):
    content = build_sdist("hare", "1.0", metadata_text("hare", "1.1"))

    assert_refused(uploader.sdist("hare", "1.0", content), "The Version in the file is '1.1'")


@pytest.mark.parametrize("version", ["2.1", "2.2", "2.3", "2.4", "2.5"])
def test_every_metadata_version_in_use_is_taken(uploader: Uploader, version: str):
    text = metadata_text("hare", "1.0", metadata_version=version)

    # flit's form names another one than its file has; nobody resolves by it.
    said = uploader.wheel("hare", "1.0", wheel_saying(text), metadata_version="2.3")

    assert said.status == 200, said


@pytest.mark.parametrize("extra", ["License-File: LICENSE", "X-Unknown: 1", "Home-page: x"])
def test_fields_that_do_no_harm_are_taken(uploader: Uploader, extra: str):
    text = metadata_text("hare", "1.0").replace("\n\n", f"\n{extra}\n\n", 1)

    said = uploader.wheel("hare", "1.0", wheel_saying(text))

    assert said.status == 200, said


LICENSED = metadata_text("hare", "1.0", metadata_version="2.4").replace(
    "\n\n", "\nLicense-File: LICENSE\nLicense-File: more/NOTICE\n\n", 1
)


@pytest.mark.parametrize("there", [(), ("LICENSE",), ("LICENSE", "more/NOTICE")])
def test_the_license_files_that_the_metadata_names_must_be_there(
    uploader: Uploader, there: tuple[str, ...]
):
    files = wheel_files("hare", "1.0", LICENSED)
    files |= {f"{FOLDER}/licenses/{path}": b"MIT" for path in there}
    wheel = zip_of(files | {RECORD: record_of(files, RECORD)})
    sources = {"hare-1.0/PKG-INFO": LICENSED.encode()}
    sources |= {f"hare-1.0/{path}": b"MIT" for path in there}

    of_wheel = uploader.wheel("hare", "1.0", wheel)
    of_sdist = uploader.sdist("hare", "1.0", tar_of(sources))

    if len(there) == 2:
        assert (of_wheel.status, of_sdist.status) == (200, 200)
        return
    first = "more/NOTICE" if there else "LICENSE"
    names = f"The metadata names the license file '{first}', which is not in the archive under "
    assert (of_wheel.status, of_wheel.reason) == (400, f"{names}{FOLDER}/licenses.")
    assert (of_sdist.status, of_sdist.reason) == (400, f"{names}hare-1.0.")
    assert not File.objects.exists()


def test_a_release_has_one_sdist(uploader: Uploader):
    text = metadata_text("hare", "1.0.0")
    content = tar_of({"hare-1.0.0/PKG-INFO": text.encode()})
    assert uploader.sdist("hare", "1.0").status == 200

    second = uploader.sdist("hare", "1.0.0", content)

    sentence = "A release has one sdist only; this one has 'hare-1.0.tar.gz'."
    assert (second.status, second.reason) == (400, sentence)
    assert File.objects.count() == 1
    assert uploader.sdist("hare", "1.0").status == 200  # the same again


def test_another_spelling_of_the_same_requirement_is_the_same(uploader: Uploader):
    text = metadata_text("hare", "1.0", requires_python=">=3.9, <4")

    said = uploader.wheel("hare", "1.0", wheel_saying(text), requires_python="<4,>=3.9")

    assert said.status == 200, said
