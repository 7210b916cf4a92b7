from pathlib import Path

import pytest
from wheelbarrow_client import InvalidLicense, read


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any license."""
    for name in ("WHEELBARROW_LICENSE", "WHEELBARROW_LICENSE_FILE", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_machine_without_a_license_has_none():
    assert read("hare") is None


def test_the_text_comes_before_the_named_file_and_that_before_the_users_own(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    write(home / ".config" / "hare" / "license", "from the user's own\n")
    own = read("hare")
    named = write(home / "named", "from the named file\n")
    monkeypatch.setenv("WHEELBARROW_LICENSE_FILE", str(named))
    from_file = read("hare")
    monkeypatch.setenv("WHEELBARROW_LICENSE", " from the text\n")
    from_text = read("hare")

    assert own == "from the user's own"
    assert from_file == "from the named file"
    assert from_text == "from the text"


def test_each_product_has_a_file_of_its_own(home: Path):
    write(home / ".config" / "hare" / "license", "for hare")

    assert read("hedgehog") is None


def test_the_users_configuration_may_lie_elsewhere(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "elsewhere"))
    write(home / "elsewhere" / "hare" / "license", "found")

    assert read("hare") == "found"


def test_empty_variables_count_as_unset(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WHEELBARROW_LICENSE", " ")
    monkeypatch.setenv("WHEELBARROW_LICENSE_FILE", "")
    write(home / ".config" / "hare" / "license", "found")

    assert read("hare") == "found"


def test_a_named_file_that_is_not_there_is_a_refusal_that_names_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    write(home / ".config" / "hare" / "license", "would only puzzle people")
    monkeypatch.setenv("WHEELBARROW_LICENSE_FILE", str(home / "gone"))

    with pytest.raises(InvalidLicense, match=r"gone \(WHEELBARROW_LICENSE_FILE\) cannot be read"):
        read("hare")


def test_a_folder_in_place_of_the_file_is_a_refusal(home: Path):
    (home / ".config" / "hare" / "license").mkdir(parents=True)

    with pytest.raises(InvalidLicense, match="cannot be read"):
        read("hare")


def test_a_file_that_is_no_text_is_a_refusal(home: Path, monkeypatch: pytest.MonkeyPatch):
    (home / "photo").write_bytes(b"\xff\xd8\xff\xe0")
    monkeypatch.setenv("WHEELBARROW_LICENSE_FILE", str(home / "photo"))

    with pytest.raises(InvalidLicense, match="not a license document"):
        read("hare")


def test_the_mark_that_windows_editors_put_first_is_skipped(home: Path):
    write(home / ".config" / "hare" / "license", "\ufefffound")

    assert read("hare") == "found"


def test_a_user_without_a_home_has_no_license(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 7)  # nobody has this one

    assert read("hare") is None
