"""A vendor puts the client into his package as docs/vendors.md says, word for word."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.cache import cache
from django.utils import timezone
from wheelbarrow_client.__main__ import main

from licenses.documents import sign_document
from licenses.models import SigningKey
from licenses.root_key import public_key_text
from licenses.signing_keys import revoke_signing_key
from tests.licenses.leasing import BOTH, limited
from tests.sdk.documents import make_key, public_text

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/vendors.md").read_text()
KEY = public_text(make_key())


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "src" / "hare_pro"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    return folder


def shown(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.mark.django_db(databases=BOTH)
@pytest.mark.usefixtures("root_key")
def test_ten_lines_are_enough(package: Path):
    license = limited(100)
    license.tier.features = ["batches"]
    document = sign_document(license, at=timezone.now())
    command = shown("")[0].replace("SPARE_KEY", KEY).replace("PUBLIC_KEY", public_key_text())
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "sdk/src"), "CI": "1"}

    made = subprocess.run(
        [sys.executable, *command.split()[1:]],
        cwd=package.parents[1], env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    asking, using, leasing = shown("python")[:3]
    before = "class pool:\n    resize = print\n"
    (package / "__init__.py").write_text(f"{asking}\n{using}\n{before}\n{leasing}")
    environment |= {"PYTHONPATH": str(package.parent), "WHEELBARROW_LICENSE": document}
    done = subprocess.run(
        [sys.executable, "-c", "import hare_pro; print(hare_pro.lease.verdict().threads)"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.stdout.splitlines()[-1:], done.stderr) == (["50"], "")
    assert len(ast.parse(asking + using + leasing).body) <= 10


@pytest.mark.django_db(databases=BOTH)
@pytest.mark.usefixtures("root_key")
@pytest.mark.parametrize(
    ("released", "code", "verdict"),
    [
        ("2026-01-31", 0, "genuine, covers this release"),
        ("2099-01-31", 1, "genuine, but it does not cover this release"),
    ],
)
def test_the_package_itself_explains_the_document_that_it_found(
    package: Path, released: str, code: int, verdict: str
):
    """What the vendor asks a customer to run: it knows the roots and the day of the release."""
    document = sign_document(limited(100), at=timezone.now())
    main(["embed", str(package), "--root", public_key_text(), "--released", released])

    done = subprocess.run(
        [sys.executable, "-m", "hare_pro._client", "inspect"],
        env={"PYTHONPATH": str(package.parent), "WHEELBARROW_LICENSE": document},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (code, "")
    assert f"verdict        {verdict}\n" in done.stdout


def test_embedding_again_replaces_what_was_there(package: Path, capsys: pytest.CaptureFixture[str]):
    for _ in range(2):
        assert main(["embed", str(package), "--root", KEY, "--released", "2026-01-31"]) == 0
        (package / "_client" / "left_over.py").touch()
    main(["embed", str(package), "--root", KEY, "--root", KEY, "--released", "2026-02-28"])

    assert not (package / "_client" / "left_over.py").exists()
    assert (package / "_key.py").read_text().splitlines()[2:] == [
        f'PUBLIC_KEYS = ["{KEY}", "{KEY}"]',
        "REVOKED_KEYS = []",
        'RELEASED = "2026-02-28"',
    ]


@pytest.mark.django_db(databases=BOTH)
@pytest.mark.usefixtures("root_key")
def test_a_release_refuses_what_a_stolen_key_signed_without_a_network(package: Path):
    license = limited(100)
    stolen = sign_document(license, at=timezone.now())
    kid = SigningKey.objects.get().kid
    revoke_signing_key(kid, at=timezone.now())
    cache.clear()  # as another process, or half a minute later
    good = sign_document(license, at=timezone.now())
    main(["embed", str(package), "--root", public_key_text(), "--revoked", kid])
    asking = shown("python")[0]
    (package / "__init__.py").write_text(asking)

    said = []
    for document in (stolen, good):
        environment = {"PYTHONPATH": str(package.parent), "WHEELBARROW_LICENSE": document}
        for what in (
            ["-m", "hare_pro._client", "inspect"],
            ["-c", "import hare_pro; hare_pro.product.require()"],
        ):
            done = subprocess.run(
                [sys.executable, *what], env=environment, capture_output=True, text=True,
                check=False,
            )  # fmt: skip
            said.append((done.returncode, "was revoked" in done.stdout + done.stderr))

    assert said == [(1, True), (1, True), (0, False), (0, False)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--root", "AAAA"], "'AAAA' is no public key"),
        (["--root", "no key!"], "not usable"),
        (["--root", KEY, "--released", "31.1.2026"], "not usable"),
        (["--root", KEY, "--revoked", "no id"], "'no id' is no key's id"),
    ],
)
def test_a_key_or_a_day_that_is_none_embeds_nothing(
    package: Path, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["embed", str(package), *arguments]) == 1

    assert sentence in capsys.readouterr().out
    assert [path.name for path in package.iterdir()] == ["__init__.py"]


def test_a_folder_that_is_no_package_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["embed", str(tmp_path), "--root", KEY]) == 1

    assert "is no package" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
