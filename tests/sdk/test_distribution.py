"""The client as a distribution of its own: built, published by our own index, and run as it was."""

import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from pkgindex.models import Project
from tests.pkgindex.index_client import IndexClient
from tests.pkgindex.make import make_upload_token
from tests.pkgindex.uploader import Uploader
from tests.sdk.pythons import find_pythons

SDK = Path(__file__).parents[2] / "sdk"
BUILD = "import sys, hatchling.build as b; b.build_wheel(sys.argv[1]); b.build_sdist(sys.argv[1])"


@pytest.fixture
def built(tmp_path: Path) -> tuple[Path, Path]:
    """The wheel and the sdist."""
    source, out = tmp_path / "sdk", tmp_path / "dist"
    shutil.copytree(SDK, source, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(
        [sys.executable, "-c", BUILD, str(out)], cwd=source, check=True, stdout=subprocess.DEVNULL
    )
    return next(out.glob("*.whl")), next(out.glob("*.tar.gz"))


def test_it_needs_nothing_and_says_its_types(built: tuple[Path, Path]):
    with zipfile.ZipFile(built[0]) as wheel:
        names = {Path(name).name: name for name in wheel.namelist()}
        metadata = message_from_bytes(wheel.read(names["METADATA"]))

    assert metadata["Requires-Python"] == ">=3.9"
    assert metadata.get_all("Requires-Dist") is None
    assert "py.typed" in names
    assert "python -m wheelbarrow_client inspect" in metadata.get_payload()


def test_the_wheel_runs_under_the_oldest_python(built: tuple[Path, Path], tmp_path: Path):
    file = tmp_path / "license"
    file.write_text("nonsense")

    done = subprocess.run(
        [find_pythons()[0], "-m", "wheelbarrow_client", "inspect", str(file)],
        env={"PYTHONPATH": str(built[0])}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("not usable: ")


@pytest.mark.django_db
def test_our_own_index_publishes_it_to_everybody(
    built: tuple[Path, Path], tmp_path: Path, settings
):
    settings.DATA_DIR, settings.MEDIA_ROOT = tmp_path, tmp_path / "files"
    uploader, name = Uploader(make_upload_token()[1]), "wheelbarrow-client"
    for file, filetype in zip(built, ("bdist_wheel", "sdist"), strict=True):
        content = file.read_bytes()
        pyversion = "py3" if filetype == "bdist_wheel" else "source"
        said = uploader.post(
            content, file.name, name=name, version="0.1.0", filetype=filetype,
            pyversion=pyversion, requires_python=">=3.9",
        )  # fmt: skip
        assert said.status == 200, said
    Project.objects.update(is_public=True)

    page = IndexClient().get(f"/simple/{name}/", accept="application/vnd.pypi.simple.v1+json")

    assert [file["filename"] for file in page.json()["files"]] == [file.name for file in built]
