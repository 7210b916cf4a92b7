"""Build the demo's three wheels: `python demo/build.py --out DIR --public-key BASE64`.

The verifier and the public key go into `hare_pro` on the way, as a seller's own release script
would do it. Needs hatchling, no network; the same sources give the same bytes.
"""

from __future__ import annotations

import argparse
import base64
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLIENT = HERE.parent / "sdk" / "src" / "wheelbarrow_client"
DISTRIBUTIONS = ["hare", "hare-pro", "hare-ent"]
EPOCH = "1767225600"  # the date of every file in the wheels:
RELEASED = "2026-01-01"  # the day that a license must cover
BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"


def build_wheels(out: Path, *public_keys: str) -> list[Path]:
    """Build the wheels into *out* and return their paths; they trust these root keys."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder)
        for name in DISTRIBUTIONS:
            _copy(HERE / name, sources / name)
        _seal(sources / "hare-pro" / "src" / "hare_pro", public_keys)
        return [_build(sources / name, out.resolve()) for name in DISTRIBUTIONS]


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "dist"))


def _seal(package: Path, public_keys: tuple[str, ...]) -> None:
    """Put the client, the root keys that it trusts and the day of the release into the package."""
    roots = [word for key in public_keys for word in ("--root", key)]
    subprocess.run(
        [sys.executable, "-m", "wheelbarrow_client", "embed", str(package), *roots,
         "--released", RELEASED],
        env={**os.environ, "PYTHONPATH": str(CLIENT.parent)},
        check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


def _build(source: Path, out: Path) -> Path:
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(out)],
        cwd=source,
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return out / done.stdout.split()[-1]


def _public_key(text: str) -> str:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise argparse.ArgumentTypeError("not an Ed25519 public key: 32 bytes in base64")
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the demo's three wheels.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the wheels")
    parser.add_argument(
        "--public-key",
        type=_public_key,
        required=True,
        action="append",
        help="as make_root_key printed it; twice, for a second root that lies in a safe",
    )
    options = parser.parse_args()
    for wheel in build_wheels(options.out, *options.public_key):
        print(wheel)


if __name__ == "__main__":
    main()
