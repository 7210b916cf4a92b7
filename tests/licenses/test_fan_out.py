"""One key in the networks of many operators: told with evidence, never cut."""

import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from licenses.credentials import create_credential, find_credential
from licenses.fan_out import is_fan_out, note_networks, prune_networks
from licenses.models import Credential, CredentialNetwork, LicenseEvent
from licenses.operators import Operators, operator_of
from outbox.models import Mail
from pkgindex.usage import fold_usage
from tests.make import make_license
from tests.pkgindex.index_client import IndexClient

pytestmark = pytest.mark.django_db
DAY = date(2026, 5, 20)
# As iptoasn.com writes it; the second operator's machines are those of a CI service.
TABLE = (
    "0.0.0.0\t0.255.255.255\t0\tNone\tNot routed\n"
    "20.0.0.0\t20.255.255.255\t8075\tUS\tMICROSOFT-CORP-MSN-AS-BLOCK\n"
    + "".join(f"198.18.{n}.0\t198.18.{n}.255\t{64500 + n}\tDE\tOPERATOR-{n}\n" for n in range(20))
    + "2001:db8::\t2001:db8:ffff:ffff:ffff:ffff:ffff:ffff\t64999\tFR\tSIX\n"
)


@pytest.fixture(autouse=True)
def table(tmp_path: Path, settings) -> Path:
    path = tmp_path / "ip2asn.tsv"
    path.write_text(TABLE)
    settings.NETWORK_OPERATORS_FILE = str(path)
    settings.DATA_DIR = tmp_path
    return path


@pytest.fixture
def credential() -> Credential:
    return create_credential(make_license().customer_id, name="ci", at=timezone.now())[0]


def networks(count: int) -> list[str]:
    return [f"198.18.{n}.0/24" for n in range(count)]


def used_for_a_month(credential: Credential, operators: int = 2) -> None:
    for days in range(1, 29):
        note_networks(credential, networks(operators), day=DAY - timedelta(days=days))


def mails() -> list[Mail]:
    return list(Mail.objects.filter(key__startswith="fan-out:"))


def test_twelve_operators_in_a_day_against_two_are_told_with_evidence_and_nothing_is_cut(
    credential: Credential,
):
    used_for_a_month(credential)

    note_networks(credential, networks(12), day=DAY)

    (mail,) = mails()
    assert "AS64511 OPERATOR-11" in mail.body
    assert "usually it is 2" in mail.body
    assert set(mail.to) == {credential.customer.contacts.get().email, "owner@shop.example"}
    event = LicenseEvent.objects.get(name="key used widely")
    assert event.reason == f"{credential}: 12 operators on 2026-05-20, usually 2"
    credential.refresh_from_db()
    assert credential.revoked_at is credential.expires_at is None


def test_five_hundred_machines_of_one_ci_service_raise_nothing(credential: Credential):
    used_for_a_month(credential)

    note_networks(credential, [f"20.{n}.{n % 7}.0/24" for n in range(250)], day=DAY)
    note_networks(credential, [f"20.{n}.99.0/24" for n in range(250)], day=DAY)

    today = CredentialNetwork.objects.filter(day=DAY).values_list("network", flat=True)
    assert list(today) == ["AS8075 MICROSOFT-CORP-MSN-AS-BLOCK"]
    assert mails() == []


@pytest.mark.parametrize(
    ("usual", "today", "alarm"), [(2, 7, 0), (2, 8, 1), (4, 12, 0), (4, 13, 1)]
)
def test_it_takes_eight_and_more_than_three_times_what_is_usual(
    credential: Credential, usual: int, today: int, alarm: int
):
    used_for_a_month(credential, usual)

    note_networks(credential, networks(today), day=DAY)

    assert is_fan_out(credential.pk, DAY) == bool(alarm)
    assert len(mails()) == alarm


def test_told_again_or_piece_by_piece_it_is_one_alarm_a_week(credential: Credential):
    for count in (3, 6, 9, 12, 12):
        note_networks(credential, networks(count), day=DAY)
    note_networks(credential, networks(20), day=DAY + timedelta(days=1))
    assert len(mails()) == LicenseEvent.objects.filter(name="key used widely").count() == 1

    note_networks(credential, networks(20), day=DAY + timedelta(days=50))

    assert len(mails()) == 2


def test_without_a_table_nothing_is_kept_and_nobody_is_told(credential: Credential, settings):
    for name in ("", "/nowhere/at-all.tsv"):
        settings.NETWORK_OPERATORS_FILE = name
        note_networks(credential, networks(12), day=DAY)

    assert not CredentialNetwork.objects.exists()


TOO_EARLY = "8.0.0.0\t8.0.0.9\t3\tDE\tZ\n"


@pytest.mark.parametrize(
    "text", ["a web page", "1.2.3.4\tx\t1\tDE\tX\n", "\x00" * 99, TABLE + TOO_EARLY]
)
def test_a_file_of_another_form_stops_no_counting_and_is_said_once(
    credential: Credential, table: Path, text: str, caplog
):
    table.write_text(text)

    note_networks(credential, networks(12), day=DAY)

    assert not CredentialNetwork.objects.exists()
    assert caplog.text.count("NETWORK_OPERATORS_FILE cannot be read") == 1


@pytest.mark.parametrize(
    ("network", "operator"),
    [
        ("20.1.2.0/24", "AS8075 MICROSOFT-CORP-MSN-AS-BLOCK"),
        ("20.255.255.0/24", "AS8075 MICROSOFT-CORP-MSN-AS-BLOCK"),
        ("21.0.0.0/24", ""),
        ("198.18.3.0/24", "AS64503 OPERATOR-3"),
        ("2001:db8:7::/48", "AS64999 SIX"),
        ("2001:db9::/48", ""),
        ("0.1.0.0/24", ""),
        ("", ""),
        ("nonsense", ""),
    ],
)
def test_a_network_is_somebodys(network: str, operator: str):
    assert operator_of(network) == operator


def test_a_packed_table_and_a_newer_one_are_read(tmp_path: Path, table: Path):
    packed = tmp_path / "ip2asn.tsv.gz"
    packed.write_bytes(gzip.compress(TABLE.encode()))
    assert Operators(packed).of("198.18.3.0/24") == "AS64503 OPERATOR-3"
    packed.write_bytes(gzip.compress(TABLE.encode())[:-20])
    with pytest.raises(EOFError):
        Operators(packed)
    assert operator_of("198.18.3.0/24") == "AS64503 OPERATOR-3"

    table.write_text("198.18.0.0\t198.18.255.255\t1\tDE\tBOUGHT\n")

    assert operator_of("198.18.3.0/24") == "AS1 BOUGHT"


def test_installs_from_many_networks_reach_the_alarm(credential: Credential):
    _, key = create_credential(credential.customer_id, name="leaked", at=timezone.now())
    client = IndexClient(key)
    for number in range(9):
        client.address = f"198.18.{number}.7"
        assert client.get("/simple/").status == 200

    fold_usage(timezone.now())

    (mail,) = mails()
    assert 'The key "leaked"' in mail.body
    assert mail.subject == "Your key leaked is used in 9 networks today"
    assert find_credential(key, timezone.now()) is not None
    assert key not in mail.body


def test_old_uses_are_forgotten(credential: Credential):
    note_networks(credential, networks(1), day=DAY - timedelta(days=91))
    note_networks(credential, networks(1), day=DAY)

    assert prune_networks(datetime(2026, 5, 20, 12, tzinfo=UTC)) == 1
    assert CredentialNetwork.objects.get().day == DAY
