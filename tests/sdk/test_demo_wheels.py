import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.sdk.documents import make_claims, make_key, public_text, sign

ROOT = Path(__file__).parents[2]
WHEELS = [
    "hare-1.2.0-py3-none-any.whl",
    "hare_ent-2.1.0-py3-none-any.whl",
    "hare_pro-2.1.0-py3-none-any.whl",
]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def build(out: Path, public_key: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "demo/build.py", "--out", str(out), "--public-key", public_key],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def key() -> Ed25519PrivateKey:
    return make_key()


@pytest.fixture(scope="module")
def wheels(key: Ed25519PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheels")
    done = build(out, public_text(key))
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def installed(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three wheels unpacked, as pip does it."""
    target = tmp_path_factory.mktemp("site-packages")
    for wheel in wheels.iterdir():
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target)
    return target


@pytest.fixture
def python(installed: Path, tmp_path: Path) -> Run:
    """Runs the customer's interpreter, with a license or without."""

    def run(*arguments: str, license: str = "", blocked: str = "") -> object:
        if blocked:  # as on a machine where it is not installed
            (tmp_path / f"{blocked}.py").write_text("raise ImportError")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(installed)]),
            "PYTHONWARNINGS": "error",
            "WHEELBARROW_LICENSE": license,
        }
        return subprocess.run(
            [sys.executable, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def enterprise(key: Ed25519PrivateKey, threads: int = 300) -> str:
    return sign(key, make_claims(org="Acme", plan="enterprise", limits={"threads": threads}))


def test_three_wheels_are_built(wheels: Path):
    assert sorted(path.name for path in wheels.iterdir()) == WHEELS


def test_the_same_sources_and_key_give_the_same_bytes(
    wheels: Path, key: Ed25519PrivateKey, tmp_path: Path
):
    build(tmp_path, public_text(key))

    for name in WHEELS:
        assert (tmp_path / name).read_bytes() == (wheels / name).read_bytes()


def test_a_public_key_that_is_none_is_refused(tmp_path: Path):
    done = build(tmp_path, "AAAA")

    assert done.returncode == 2
    assert "not an Ed25519 public key" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_wheels_hold_the_public_key_and_no_secret(installed: Path, key: Ed25519PrivateKey):
    texts = {path: path.read_bytes() for path in installed.rglob("*") if path.is_file()}
    private = key.private_bytes_raw()

    assert public_text(key).encode() in texts[installed / "hare_pro" / "_key.py"]
    for text in texts.values():
        assert private not in text
        assert private.hex().encode() not in text
        assert b"PRIVATE KEY" not in text
        assert b"canary" not in text
        assert str(ROOT).encode() not in text


def test_the_wheels_need_each_other_and_nothing_else(installed: Path):
    needs = {
        path.parent.name.split("-")[0]: [
            line for line in path.read_text().splitlines() if line.startswith("Requires-Dist")
        ]
        for path in installed.glob("*.dist-info/METADATA")
    }

    assert needs == {
        "hare": [],
        "hare_pro": ["Requires-Dist: hare<2,>=1.2"],
        "hare_ent": ["Requires-Dist: hare-pro<3,>=2.1"],
    }


def test_hare_runs_jobs_without_any_license(python: Run):
    code = (
        "import hare\n"
        "queue = hare.Queue()\n"
        "queue.start(threads=3)\n"
        "jobs = [queue.enqueue(pow, n, 2) for n in range(50)]\n"
        "broken = queue.enqueue(int, 'x')\n"
        "queue.stop()\n"
        "print(sum(job.result() for job in jobs), type(broken.exception()).__name__)\n"
    )

    done = python("-c", code)

    assert done.stdout == "40425 ValueError\n"


def test_importing_works_without_a_license_and_the_paid_part_says_what_to_set(python: Run):
    done = python("-c", "import hare_pro, hare_ent; import hare_pro.batches")

    last = done.stderr.splitlines()[-1]
    assert last.startswith("hare_pro.Unlicensed: Hare Pro needs a license and found none.")
    for place in ("WHEELBARROW_LICENSE ", "WHEELBARROW_LICENSE_FILE", "~/.config/hare/license"):
        assert place in last


def test_hare_pro_says_which_tier_it_found(python: Run, key: Ed25519PrivateKey):
    pro = python("-m", "hare_pro", license=sign(key, make_claims(org="Acme")))
    more = python("-m", "hare_pro", license=enterprise(key))

    assert pro.stdout == "Hare Pro licensed to Acme: Pro, unlimited threads\n"
    assert more.stdout == "Hare Pro licensed to Acme: Enterprise, 300 threads\n"


def test_a_document_of_the_shop_works_without_cryptography(python: Run, key: Ed25519PrivateKey):
    license = sign(key, make_claims(org="Acme"))

    done = python("-m", "hare_pro", license=license, blocked="cryptography")
    forged = python("-m", "hare_pro", license=sign(make_key()), blocked="cryptography")

    assert done.stdout == "Hare Pro licensed to Acme: Pro, unlimited threads\n"
    assert forged.returncode == 1


def test_a_flipped_byte_is_refused_with_the_reason(python: Run, key: Ed25519PrivateKey):
    license = sign(key)
    flipped = license[:40] + chr(ord(license[40]) ^ 1) + license[41:]

    told = python("-m", "hare_pro", license=flipped)
    imported = python("-c", "import hare_pro.batches", license=flipped)

    assert (told.returncode, told.stdout) == (1, "")
    assert "The license document is not valid" in told.stderr
    assert "hare_pro.Unlicensed" in imported.stderr


def test_a_license_of_another_product_or_tier_is_refused(python: Run, key: Ed25519PrivateKey):
    other = sign(key, make_claims(product="hedgehog", products=["hedgehog"]))
    free = sign(key, make_claims(plan="oss"))

    assert "is for hedgehog pro, not for Hare Pro" in python("-m", "hare_pro", license=other).stderr
    assert "is for hare oss, not for Hare Pro" in python("-m", "hare_pro", license=free).stderr


def test_a_batch_tells_once_when_all_its_jobs_are_done(python: Run, key: Ed25519PrivateKey):
    code = (
        "import hare, threading\n"
        "from hare_pro.batches import Batch\n"
        "told, is_told = [], threading.Event()\n"
        "def then(jobs):\n"
        "    told.append(sum(job.result() for job in jobs))\n"
        "    is_told.set()\n"
        "queue = hare.Queue()\n"
        "queue.start(threads=4)\n"
        "with Batch(queue, then=then) as batch:\n"
        "    for n in range(100):\n"
        "        batch.enqueue(abs, n)\n"
        "is_told.wait(10)\n"
        "queue.stop()\n"
        "print(told)\n"
    )

    done = python("-c", code, license=sign(key))

    assert (done.stdout, done.stderr) == ("[4950]\n", "")


def test_enterprise_needs_its_own_tier(python: Run, key: Ed25519PrivateKey):
    refused = python("-c", "import hare_ent.pool", license=sign(key))
    found = python("-m", "hare_ent", license=enterprise(key))

    assert "needs an Enterprise license; yours is for Pro." in refused.stderr
    assert found.stdout == "Hare Enterprise licensed to Acme: Enterprise, 300 threads\n"


def test_enterprise_starts_as_many_threads_as_the_license_allows(
    python: Run, key: Ed25519PrivateKey
):
    code = (
        "import hare, hare_ent.pool\n"
        "first, second = hare.Queue(), hare.Queue()\n"
        "print(*(hare_ent.pool.start_threads(queue, 4) for queue in (first, second, second)))\n"
        "first.stop()\n"
        "print(hare_ent.pool.start_threads(second, 2))\n"
    )

    done = python("-c", code, license=enterprise(key, threads=6))

    assert done.stdout == "4 2 0\n2\n"
    assert "4 threads wanted, 2 started: the license allows 6 and 4 were running" in done.stderr
