"""The folder that `export_index` writes: whole at any moment, nothing too many, nothing twice."""

import fcntl
import json
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from licenses import credentials, status
from licenses.models import License, Tier
from pkgindex.index.snapshot import Snapshot
from pkgindex.models import File, Project
from pkgindex.snapshot import export_snapshot, exporting, snapshot_path
from pkgindex.static_export import Unwritable, export_index
from tests.flows.processes import kill_after
from tests.make import make_credential, make_license
from tests.pkgindex.make import make_file, make_project, make_release

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "exported"


@pytest.fixture
def file(pro: Tier) -> File:
    return make_file(make_release(make_project(tiers=[pro])))


def export(folder: Path) -> int:
    export_snapshot()
    with closing(Snapshot(snapshot_path())) as snapshot:
        return export_index(snapshot, folder)


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Each file with what would tell that it was written again."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in paths
    }


def assert_whole(folder: Path) -> int:
    """Whatever is named is there; how many keys open a door."""
    told = {
        kind: {
            path.stem: json.loads(path.read_text())
            for path in (folder / kind).rglob("[!.]*.json")  # others are temporary
        }
        for kind in ("keys", "readers", "coverages", "files")
    }
    opening = [key for key in told["keys"].values() if "reader" in key]
    assert {key["reader"] for key in opening} <= set(told["readers"])
    for reader in told["readers"].values():
        assert {name for name in reader["projects"].values() if name} <= set(told["coverages"])
    shown = [reader["root"] for reader in told["readers"].values()]
    for coverage in told["coverages"].values():
        shown += [coverage["simple"], {"legacy": coverage["legacy"]}]
    for codings in [codings for forms in shown for codings in forms.values()]:
        for coding, page in codings.items():
            assert (folder / "pages" / coding / page).stat().st_size > 0
    for facts in told["files"].values():
        assert (folder / "stored" / facts["path"]).stat().st_size == facts["whole"][1]
    return len(opening)


def test_a_second_export_writes_nothing(file: File, license: License, folder: Path):
    make_credential(license.customer)
    assert export(folder) > 10
    before = contents(folder)

    assert export(folder) == 0

    assert contents(folder) == before
    assert assert_whole(folder) == 1


def test_the_bytes_are_not_stored_twice(file: File, folder: Path):
    export(folder)

    assert (folder / "stored" / file.path).stat().st_nlink == 2


def test_what_is_withdrawn_goes_away(file: File, license: License, folder: Path):
    credential, _ = make_credential(license.customer)
    make_file(make_release(file.release.project, "2.0"))
    export(folder)
    assert f"files/{file.filename}.json" in contents(folder)

    credentials.revoke_credential(credential.pk, at=timezone.now())
    file.delete()
    export(folder)

    left = contents(folder)
    assert not [path for path in left if file.filename in path]
    assert assert_whole(folder) == 0
    (key,) = [path for path in left if path.startswith("keys/")]
    assert "was revoked" in json.loads(left[key][1])["ended"]
    assert all(any(path.iterdir()) for path in folder.rglob("*") if path.is_dir())


def test_a_key_whose_right_ended_changes_only_its_reader(
    file: File, license: License, pro: Tier, folder: Path
):
    make_credential(license.customer)
    make_credential(make_license(tier=pro).customer)
    export(folder)
    assert len([path for path in contents(folder) if path.startswith("readers/")]) == 2

    status.revoke_license(license.pk, at=timezone.now(), reason="test")
    export(folder)

    readers = [path for path in contents(folder) if path.startswith("readers/")]
    assert len(readers) == 3  # strangers, the one who pays, and the one who does not
    assert assert_whole(folder) == 2


def test_keys_are_there_by_their_digest_alone(file: File, license: License, folder: Path):
    _, secret = make_credential(license.customer)
    export(folder)

    for name, (_, content) in contents(folder).items():
        assert secret.encode() not in content
        assert secret not in name


def test_a_file_that_is_lost_does_not_stop_the_others(file: File, folder: Path, settings):
    whole = make_file(make_release(file.release.project, "2.0"))
    Path(settings.MEDIA_ROOT, file.path).unlink()

    export(folder)

    assert f"stored/{whole.path}" in contents(folder)
    assert f"files/{file.filename}.json" in contents(folder)  # it is ours: 503, never a 404


def test_what_was_exported_stays_when_the_storage_is_away(file: File, folder: Path, settings):
    """Not mounted, say: an empty folder in its place."""
    export(folder)
    before = contents(folder)
    storage = Path(settings.MEDIA_ROOT)
    storage.rename(storage.with_name("elsewhere"))

    assert export(folder) == 0

    assert contents(folder) == before
    assert_whole(folder)


def test_an_exported_file_that_is_empty_is_taken_anew(file: File, folder: Path):
    export(folder)
    stored = folder / "stored" / file.path
    stored.unlink()
    stored.touch()

    export(folder)

    assert stored.stat().st_size == file.size


@pytest.mark.parametrize("kind", ["pages/identity", "coverages", "readers", "files"])
def test_a_spoiled_file_is_mended(file: File, license: License, folder: Path, kind: str):
    """A power cut may leave a file empty that was just written."""
    make_credential(license.customer)
    export(folder)
    before = contents(folder)
    for path in (folder / kind).iterdir():
        path.write_bytes(b"")

    assert export(folder) > 0

    assert {name: content for name, (_, content) in contents(folder).items()} == {
        name: content for name, (_, content) in before.items()
    }


def test_kill_9_at_any_moment_leaves_what_can_be_served(pro: Tier, folder: Path):
    for number in range(5):
        project: Project = make_project(f"hare-{number}", tiers=[pro])
        make_file(make_release(project, "1.0"))
        make_credential(make_license(tier=pro).customer)
    begun = time.monotonic()
    export(folder)
    span, killed = time.monotonic() - begun, 0

    for step in range(12):
        make_file(make_release(project, f"2.{step}"))
        holder = make_license(tier=pro)
        License.objects.filter(pk=holder.pk).update(
            updates_until=timezone.now() - timedelta(days=step)
        )
        status.lapse_license(holder.pk, at=timezone.now(), reason="test")
        make_credential(holder.customer)
        export_snapshot()
        killed += kill_after(span * step / 12, lambda: export(folder))
        assert_whole(folder)

    assert killed > 3  # or nothing was tried
    export(folder)
    assert assert_whole(folder) == 17
    assert not [path for path in folder.rglob(".*") if path.name != ".wheelbarrow"]
    assert export(folder) == 0


def test_a_folder_of_somebody_else_is_left_alone(file: File, folder: Path):
    folder.mkdir()
    (folder / "precious").write_text("x")

    with pytest.raises(CommandError, match="neither empty nor an earlier export"):
        call_command("export_index", folder)

    assert contents(folder).keys() == {"precious"}


def test_two_at_once_do_not_meet(file: File, folder: Path):
    export(folder)
    with (folder / ".wheelbarrow").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Unwritable, match="is being exported right now"):
            export(folder)
    assert export(folder) == 0


def test_the_command_says_when_the_shop_is_exporting_for_too_long(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(exporting, "_PATIENCE", 0)
    snapshot_path().parent.mkdir(exist_ok=True)
    with (snapshot_path().parent / "exporting").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        with pytest.raises(CommandError, match="another process is exporting"):
            call_command("export_index", str(folder))


def test_the_command_says_what_it_did(file: File, folder: Path, capsys: pytest.CaptureFixture[str]):
    call_command("export_index", folder)
    call_command("export_index", folder)

    assert capsys.readouterr().out.endswith("is up to date; 0 files were written or removed.\n")
    assert (folder / "nginx/server.conf").read_text().count(f"root {folder};") == 1
