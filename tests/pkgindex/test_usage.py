"""Uses are noted without a database, and folded into it once."""

import json
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from licenses.models import Credential, Customer, License, Tier
from pkgindex.index.usage import SUFFIX, Usage, client_of
from pkgindex.models import Download, File, UsageSpool
from pkgindex.usage import fold_usage, spool_folder
from tests.pkgindex.index_client import IndexClient
from tests.pkgindex.make import make_file, make_project, make_release, url_of

pytestmark = pytest.mark.django_db

AGENT = 'pip/26.3 {"ci":null,"python":"3.12.1"}'
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def file(pro: Tier) -> File:
    return make_file(make_release(make_project(tiers=[pro])))


def folded() -> list[tuple[date, str, Customer | None, str, int]]:
    fold_usage(timezone.now())
    return [(d.day, d.file.filename, d.customer, d.client, d.count) for d in Download.objects.all()]


def test_the_use_of_a_key_is_noted_with_the_client(holder: IndexClient):
    holder.address = "192.0.2.77"
    holder.get("/simple/", user_agent=AGENT)
    assert Credential.objects.get().last_used_at is None

    assert fold_usage(timezone.now()) == 1

    credential = Credential.objects.get()
    assert credential.last_client == "pip/26.3"
    assert credential.last_network == "192.0.2.0/24"
    assert credential.last_used_at is not None


def test_the_use_is_written_once_in_five_minutes(holder: IndexClient, time_machine):
    time_machine.move_to(NOON)
    for minutes, agent in [(0, "pip/26.3"), (4, "uv/0.13.9"), (6, "uv/0.13.10")]:
        time_machine.move_to(NOON + timedelta(minutes=minutes))
        holder.get("/simple/", user_agent=agent)

    (spool,) = spool_folder().iterdir()
    assert len(spool.read_text().splitlines()) == 2
    fold_usage(NOON)
    credential = Credential.objects.get()
    assert credential.last_client == "uv/0.13.10"
    assert credential.last_used_at == NOON + timedelta(minutes=6)


def test_each_network_is_noted_and_no_address_is_kept(holder: IndexClient):
    for holder.address in ("192.0.2.7", "192.0.2.8", "198.51.100.9", "192.0.2.7"):
        holder.get("/simple/", user_agent=AGENT)

    (spool,) = spool_folder().iterdir()
    lines = [json.loads(line) for line in spool.read_text().splitlines()]
    assert [line[-1] for line in lines] == ["192.0.2.0/24", "198.51.100.0/24"]


def test_downloads_are_counted_by_day_customer_file_and_client(
    holder: IndexClient, license: License, file: File, time_machine
):
    for day, agent in [(1, "pip/26.3"), (1, "pip/26.3"), (1, "uv/0.13.9"), (2, "uv/0.13.9")]:
        time_machine.move_to(datetime(2026, 3, day, 23, 59, tzinfo=UTC))
        holder.get(url_of(file), user_agent=agent)

    name = file.filename
    assert sorted(folded()) == [
        (date(2026, 3, 1), name, license.customer, "pip/26.3", 2),
        (date(2026, 3, 1), name, license.customer, "uv/0.13.9", 1),
        (date(2026, 3, 2), name, license.customer, "uv/0.13.9", 1),
    ]


def test_a_strangers_download_has_no_customer(stranger: IndexClient):
    file = make_file(make_release(make_project("hare", is_public=True)))

    for _ in range(2):
        stranger.get(url_of(file), user_agent=AGENT)
        folded()

    assert folded() == [(timezone.now().date(), file.filename, None, "pip/26.3", 2)]


def test_only_a_whole_file_is_a_download(holder: IndexClient, enterprise: Tier, file: File):
    refused = make_file(make_release(make_project("hare-ent", tiers=[enterprise])))
    for url in (url_of(refused), f"{url_of(file)}.metadata", "/simple/hare-pro/"):
        holder.get(url)
    holder.get(url_of(file), method="HEAD")
    holder.get(url_of(file), range="bytes=0-9")
    holder.get(url_of(file), if_none_match=f'"{file.sha256}"')

    assert folded() == []


def test_what_was_folded_is_not_folded_again(holder: IndexClient, file: File):
    holder.get(url_of(file))
    folded()
    holder.get(url_of(file))

    assert [row[-1] for row in folded()] == [2]
    assert fold_usage(timezone.now()) == 0


def test_a_half_line_waits_and_a_broken_one_is_passed_over(license: License, file: File):
    credential = Credential.objects.create(customer=license.customer, digest="d", hint="h")
    line = f'[1767225600, {credential.pk}, {file.pk}, "uv/0.13.9", ""]\n'
    spool = spool_folder() / "1-abc.usage"
    spool.parent.mkdir(parents=True)
    spool.write_text("nonsense\n[1]\n[1e99, 1, 1, 1]\n" + line + line[:20])
    assert [row[-1] for row in folded()] == [1]

    with spool.open("a") as more:
        more.write(line[20:])

    assert [row[-1] for row in folded()] == [2]


def test_a_note_about_nobody_is_passed_over(file: File):
    spool_folder().mkdir(parents=True)
    nobody = 1_000_000_000  # beyond what any sequence came to
    notes = [[nobody, 1], [0, nobody], [nobody, 0]]
    lines = [json.dumps([1767225600, *note, "", ""]) for note in notes]
    (spool_folder() / "1-abc.usage").write_text("\n".join(lines) + "\n")

    assert folded() == []


def test_the_notes_of_a_process_that_ended_are_taken_away(file: File):
    usage = Usage(spool_folder())
    usage.note_download(0, file.pk, AGENT, 1767225600)
    (spool,) = spool_folder().iterdir()
    os.utime(spool, (1, 1))
    fold_usage(timezone.now())
    assert spool.exists()  # its writer is alive

    os.close(usage._file)
    fold_usage(timezone.now())

    assert not spool.exists()
    assert not UsageSpool.objects.exists()
    assert Download.objects.get().count == 1


def test_notes_that_another_worker_took_away_stop_no_others(file: File):
    """Two workers found the same files; one of them was faster."""
    gone, there = spool_folder() / f"1-gone{SUFFIX}", spool_folder() / f"2-there{SUFFIX}"
    spool_folder().mkdir(parents=True)
    gone.symlink_to("taken-away")  # the name is listed, and there is nothing to open
    line = [int(NOON.timestamp()), 0, file.pk, "pip/26.3", ""]
    there.write_text(json.dumps(line) + "\n")

    assert [row[-1] for row in folded()] == [1]


def test_a_folder_that_cannot_be_written_to_stops_no_install(tmp_path: Path):
    (tmp_path / "file").write_text("")

    Usage(tmp_path / "file").note_key(1, AGENT, "192.0.2.0/24", 0)
    Usage(None).note_key(1, AGENT, "192.0.2.0/24", 0)

    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.parametrize("agent", ["", "\xff\xfe", "<script>", "a" * 500 + "/1"])
def test_a_strange_client_has_no_name(agent: str):
    assert client_of(agent) == ""
