"""`python -m wheelbarrow_client inspect`: explains a license document; exit code 0 or 1.

`embed` puts the client into a vendor's package.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from datetime import datetime, timezone
from pathlib import Path

from .document import License, read, unarmoured, verify
from .product import _day
from .tokens import InvalidLicense, read_chain


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m wheelbarrow_client")
    commands = parser.add_subparsers(dest="command", required=True)
    inspect = commands.add_parser("inspect", help="explain a license document")
    inspect.add_argument("file", nargs="?", help="default: the document that --product would use")
    inspect.add_argument("--product", default="", help="look where this product looks")
    inspect.add_argument("--root", action="append", default=[], help="a root public key in base64")
    inspect.add_argument("--released", default="", help="day of the installed release, 2026-01-31")
    embed = commands.add_parser("embed", help="put the client into your package")
    embed.add_argument("package", type=Path, help="the folder with its __init__.py")
    embed.add_argument("--root", action="append", required=True, help="a root public key; twice")
    for command in (inspect, embed):
        command.add_argument(
            "--revoked", action="append", default=[], help="the id of a signing key to refuse"
        )
    today = datetime.now(timezone.utc).date().isoformat()
    embed.add_argument("--released", default=today, help="day of the release; default: today")
    options = parser.parse_args(arguments)
    if options.command == "inspect" and not options.root:
        options.root, options.revoked, built_on = _built_with()
        options.released = options.released or built_on
    try:
        return _inspect(options) if options.command == "inspect" else _embed(options)
    except (InvalidLicense, OSError, ValueError) as error:
        print(f"not usable: {error}")
        return 1


def _built_with() -> tuple[list[str], list[str], str]:
    """The roots, the revoked keys and the day of the package that this client was embedded in, if
    it was.
    """
    try:
        key = importlib.import_module(".._key", __package__)
    except ImportError:  # it is nobody's
        return [], [], ""
    return list(key.PUBLIC_KEYS), list(getattr(key, "REVOKED_KEYS", ())), str(key.RELEASED)


def _inspect(options: argparse.Namespace) -> int:
    text = _text(options)
    if text is None:
        print("no license was found on this machine")
        return 1
    chain = read_chain(unarmoured(text))
    print(f"keys           {' -> '.join(chain)}")
    if not options.root:
        print("not verified: name the seller's public key with --root")
        return 1
    found = verify(text, options.root, refused_keys=options.revoked)
    _show(found)
    if found.is_over(datetime.now(timezone.utc)):
        print(f"verdict        genuine, but the evaluation ended on {found.paid_through:%Y-%m-%d}")
        return 1
    released = _day(options.released)
    if released is not None and not found.covers_release(released):
        print("verdict        genuine, but it does not cover this release")
        return 1
    print("verdict        genuine" + (", covers this release" if released else ""))
    return 0


def _embed(options: argparse.Namespace) -> int:
    from .embedding import embed  # noqa: PLC0415  for vendors only

    embed(options.package, roots=options.root, revoked=options.revoked, released=options.released)
    print(f"{options.package / '_client'} and {options.package / '_key.py'} are written")
    return 0


def _text(options: argparse.Namespace) -> str | None:
    if options.file == "-":
        return sys.stdin.read().strip()
    if options.file:
        return Path(options.file).read_text(encoding="utf-8").strip()
    return read(options.product)


def _show(found: License) -> None:
    rows = {
        "organization": found.organization,
        "product": f"{found.product} {found.plan}",
        "threads": found.limit,
        "features": ", ".join(found.features) or "none",
        "license": f"{found.license_id}, revision {found.rev}",
        "issued": f"{found.issued_at:%Y-%m-%d}",
        "paid through": f"{found.paid_through:%Y-%m-%d}",
        "releases up to": f"{found.updates_until:%Y-%m-%d}",
        "refresh by": f"{found.refresh_by:%Y-%m-%d}" if found.refresh_by else "never",
    }
    for name, value in rows.items():
        print(f"{name:14} {value}")


if __name__ == "__main__":
    sys.exit(main())
