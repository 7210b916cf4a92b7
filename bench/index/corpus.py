"""What is served: 20 projects with wheels of random bytes, and as many customers as asked for.

    python -m bench.index.corpus FOLDER [--customers 2000] [--projects 20]

Makes, with the application's own exporter and pages: a DATA_DIR of ours (database, files,
snapshot), a static tree with a password file for nginx, and a flat folder for pypiserver.
"""

# ruff: noqa: PLC0415  the application can be imported only when its environment is set

import argparse
import base64
import hashlib
import os
import random
import re
from pathlib import Path
from typing import Any

SIZES = {"bench-mid": 1_000_000, "bench-large": 20_000_000}
LONG, LONG_RELEASES = "bench-history", 800
RELEASES, SMALL = 20, 2_000  # of every other project, and the bytes of each of its wheels
CYCLE = 200  # customers that take turns, spread over the whole password file


def names(projects: int) -> list[str]:
    return [f"bench-lib-{number:02}" for number in range(projects - 3)] + [LONG, *SIZES]


def key_of(number: int) -> str:
    from lib.tokens import TokenKind, mint_token

    return mint_token(TokenKind.INDEX, entropy=_sha256(f"customer {number}".encode())[:32].encode())


def make(folder: Path, *, customers: int, projects: int) -> None:
    os.environ |= {"DEBUG": "1", "DATA_DIR": str(folder / "data"), "BASE_URL": "http://localhost"}
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    _fill(folder, customers=customers, projects=projects)
    _write_keys(folder, customers)
    _write_static(folder)


def _fill(folder: Path, *, customers: int, projects: int) -> None:
    from django.utils import timezone

    from licenses.models import Credential, Customer, License, Product, Tier
    from pkgindex.models import Project
    from pkgindex.snapshot import export_snapshot

    now = timezone.now()
    tier = Tier.objects.create(product=Product.objects.create(slug="b", name="B"), slug="pro")
    rows = Customer.objects.bulk_create([Customer(name=str(n)) for n in range(customers)], 5000)
    License.objects.bulk_create(
        [
            License(customer=row, tier=tier, kind="organization", paid_through=now,
                    updates_until=now, source=f"bench:{n}")
            for n, row in enumerate(rows)
        ],
        5000,
    )  # fmt: skip
    Credential.objects.bulk_create(
        [
            Credential(customer=row, name="ci", hint="", digest=_sha256(key_of(n).encode()))
            for n, row in enumerate(rows)
        ],
        5000,
    )
    chance = random.Random(4)
    for name in names(projects):
        project = Project.objects.create(name=name, normalized_name=name)
        project.tiers.add(tier)
        releases = LONG_RELEASES if name == LONG else 2 if name in SIZES else RELEASES
        _publish(folder, project, releases, SIZES.get(name, SMALL), chance)
    export_snapshot()


def _publish(folder: Path, project: Any, releases: int, size: int, chance: random.Random) -> None:
    from pkgindex.models import File, Release

    made = Release.objects.bulk_create(
        [Release(project=project, version=f"1.{n}") for n in range(releases)]
    )
    files = []
    for release in made:
        wheel = project.name.replace("-", "_") + f"-{release.version}-py3-none-any.whl"
        content = chance.randbytes(size)
        metadata = f"Metadata-Version: 2.1\nName: {project.name}\nVersion: {release.version}\n"
        file = File(
            release=release,
            filename=wheel,
            packagetype="bdist_wheel",
            size=size,
            sha256=_sha256(content),
            blake2_256="0" * 64,
            metadata_sha256=_sha256(metadata.encode()),
        )
        _write(folder / "data/files" / file.path, content)
        _write(folder / "data/files" / f"{file.path}.metadata", metadata.encode())
        _write(folder / "flat" / wheel, content)
        files.append(file)
    File.objects.bulk_create(files)


def _write_keys(folder: Path, customers: int) -> None:
    """nginx and pypiserver know a customer by his user name, we by his key alone."""
    lines, good = [], []
    for number in range(customers):
        digest = base64.b64encode(hashlib.sha1(key_of(number).encode()).digest()).decode()
        lines.append(f"c{number}:{{SHA}}{digest}")
    for number in range(0, customers, max(customers // CYCLE, 1)):
        pair = f"c{number}:{key_of(number)}"
        good.append("Basic " + base64.b64encode(pair.encode()).decode())
    (folder / "htpasswd").write_text("\n".join(lines) + "\n")
    (folder / "keys.good").write_text("\n".join(good) + "\n")
    wrong = [base64.b64encode(f"c{number}:wrong".encode()).decode() for number in range(CYCLE)]
    (folder / "keys.bad").write_text("".join(f"Basic {pair}\n" for pair in wrong))


def _write_static(folder: Path) -> None:
    """The very pages and files of ours, for a server of static files."""
    from pkgindex.index.negotiation import LEGACY_HTML
    from pkgindex.index.pages import render_project
    from pkgindex.index.snapshot import Snapshot
    from pkgindex.snapshot import snapshot_path

    snapshot = Snapshot(snapshot_path())
    for project in snapshot.list_projects(only_public=False):
        shelf = snapshot.find_shelf(project.normalized_name)
        assert shelf is not None
        entries = snapshot.list_files(shelf)
        body, _ = render_project(project.normalized_name, entries, LEGACY_HTML)
        _write(folder / "static/simple" / project.normalized_name / "index.html", body)
        for entry in entries:
            source = folder / "data/files" / entry.path
            target = folder / "static/files" / entry.path_of_url
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(source, target)
            os.link(f"{source}.metadata", f"{target}.metadata")


def wheel_paths(page: str) -> list[str]:
    return [f"/files/{path}" for path in re.findall(r'href="\.\./\.\./files/([^"#]+)', page)]


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--projects", type=int, default=20)
    options = parser.parse_args()
    make(options.folder.absolute(), customers=options.customers, projects=options.projects)
