"""One key in the networks of many operators: told with evidence, never cut."""

import gzip
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from licenses.credentials import create_credential, find_credential
from licenses.fan_out import BY_NETWORK, is_fan_out, note_networks, prune_networks
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


@pytest.fixture
def no_table(settings) -> None:
    settings.NETWORK_OPERATORS_FILE = ""


@pytest.mark.usefixtures("no_table")
def test_without_a_table_twelve_networks_against_two_are_told_with_evidence(
    credential: Credential,
):
    used_for_a_month(credential)

    note_networks(credential, networks(12), day=DAY)

    (mail,) = mails()
    assert "198.18.11.0/24" in mail.body
    assert "On no day of the four weeks before there were more than 2." in mail.body
    event = LicenseEvent.objects.get(name="key used widely")
    assert event.reason == f"{credential}: 12 networks on 2026-05-20, usually 2"
    credential.refresh_from_db()
    assert credential.revoked_at is credential.expires_at is None


@pytest.mark.usefixtures("no_table")
@pytest.mark.parametrize(
    ("most", "today", "alarm"), [(2, 11, 0), (2, 12, 1), (4, 12, 0), (4, 13, 1)]
)
def test_without_a_table_it_takes_twelve_and_three_times_any_day_before(
    credential: Credential, most: int, today: int, alarm: int
):
    used_for_a_month(credential, 1)
    note_networks(credential, networks(most), day=DAY - timedelta(days=3))

    note_networks(credential, networks(today), day=DAY)

    assert len(mails()) == alarm


@pytest.mark.usefixtures("no_table")
def test_without_a_table_nobody_is_told_before_the_habits_of_a_key_are_known(
    credential: Credential,
):
    for days in range(6, 0, -1):
        note_networks(credential, networks(1), day=DAY - timedelta(days=days))

    note_networks(credential, networks(19), day=DAY)

    assert mails() == []


@pytest.mark.usefixtures("no_table")
def test_without_a_table_five_hundred_machines_of_a_ci_service_raise_nothing(
    credential: Credential,
):
    used_for_a_month(credential)

    note_networks(credential, networks(2), by_ci=many_networks(500), day=DAY)

    assert CredentialNetwork.objects.filter(day=DAY).count() == 2
    assert mails() == []


@pytest.mark.usefixtures("no_table")
def test_builds_in_containers_that_do_not_say_they_are_ci_raise_few_alarms():
    """Of 300 keys in a quarter, each with a habit of its own, fewer at weekends and on one day of
    twenty two to four times as many.
    """
    dice, alarms = random.Random(7), 0
    for _ in range(300):
        usually, counts = dice.lognormvariate(1.2, 1.0), list[int]()
        for day in range(90):
            times = dice.choice([2, 3, 4]) if dice.random() < 0.05 else 1
            share = usually * times * (0.2 if day % 7 > 4 else 1) / 200
            today = sum(dice.random() < share for _ in range(200))
            alarms += BY_NETWORK.is_broken(today, [one for one in counts[-28:] if one])
            counts.append(today)

    assert alarms <= 15


@pytest.mark.usefixtures("no_table")
def test_a_mail_lists_forty_networks_and_a_day_keeps_a_thousand(credential: Credential):
    used_for_a_month(credential)

    note_networks(credential, many_networks(1500), day=DAY)
    note_networks(credential, networks(3), day=DAY)

    (mail,) = mails()
    assert "is used in 1000 networks" in mail.subject
    assert mail.body.count("/24") == 40
    assert "and 960 more" in mail.body


def test_networks_and_operators_are_never_compared(credential: Credential, settings):
    used_for_a_month(credential)
    settings.NETWORK_OPERATORS_FILE = ""

    note_networks(credential, networks(19), day=DAY)

    assert mails() == []  # of its networks no day is known
    assert CredentialNetwork.objects.filter(day=DAY).count() == 19


def many_networks(count: int) -> list[str]:
    return [f"20.{n // 250}.{n % 250}.0/24" for n in range(count)]


TOO_EARLY = "8.0.0.0\t8.0.0.9\t3\tDE\tZ\n"


@pytest.mark.parametrize(
    "text", ["a web page", "1.2.3.4\tx\t1\tDE\tX\n", "\x00" * 99, TABLE + TOO_EARLY]
)
def test_a_file_of_another_form_stops_no_counting_and_is_said_once(
    credential: Credential, table: Path, text: str, caplog
):
    table.write_text(text)

    note_networks(credential, networks(12), day=DAY)

    assert CredentialNetwork.objects.filter(network__endswith=".0/24").count() == 12
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


@pytest.mark.usefixtures("no_table")
@pytest.mark.parametrize(
    ("agent", "told"),
    [('pip/26.3 {"ci":true,"python":"3.12.1"}', 0), ('pip/26.3 {"ci":null}', 1), ("curl/8", 1)],
)
def test_installs_without_a_table_reach_the_alarm_unless_they_say_they_are_ci(
    credential: Credential, agent: str, told: int
):
    _, key = create_credential(credential.customer_id, name="leaked", at=timezone.now())
    leaked = Credential.objects.get(name="leaked")
    for days in range(1, 9):
        note_networks(leaked, networks(1), day=timezone.now().date() - timedelta(days=days))
    client = IndexClient(key)
    for number in range(12):
        client.address = f"198.18.{number}.7"
        assert client.get("/simple/", user_agent=agent).status == 200

    fold_usage(timezone.now())

    assert len(mails()) == told
    leaked.refresh_from_db()
    assert leaked.last_network.startswith("198.18.")


def test_old_uses_are_forgotten(credential: Credential):
    note_networks(credential, networks(1), day=DAY - timedelta(days=91))
    note_networks(credential, networks(1), day=DAY)

    assert prune_networks(datetime(2026, 5, 20, 12, tzinfo=UTC)) == 1
    assert CredentialNetwork.objects.get().day == DAY
