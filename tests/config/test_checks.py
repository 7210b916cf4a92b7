import pytest

from config.checks import (
    _check_sqlite,
    check_database,
    check_inbound_mail,
    check_operators,
    check_texts,
    check_upstream,
    is_safe_sqlite,
)
from config.databases import SQLITE_OPTIONS

SAFE = (3, 53, 4)


def ids(problems: list) -> list[str]:
    return [problem.id for problem in problems]


@pytest.mark.parametrize("version", [(3, 51, 3), (3, 53, 4), (3, 50, 7), (3, 44, 6)])
def test_versions_without_the_wal_reset_bug_are_safe(version):
    assert is_safe_sqlite(version)


@pytest.mark.parametrize("version", [(3, 40, 1), (3, 51, 2), (3, 50, 6), (3, 44, 5), (3, 45, 0)])
def test_versions_with_the_wal_reset_bug_are_refused(version):
    assert ids(_check_sqlite(SQLITE_OPTIONS, version)) == ["wheelbarrow.E001"]


def test_our_own_options_pass():
    assert _check_sqlite(SQLITE_OPTIONS, SAFE) == []


def test_a_deferred_transaction_mode_is_an_error():
    options = {**SQLITE_OPTIONS, "transaction_mode": "DEFERRED"}

    assert ids(_check_sqlite(options, SAFE)) == ["wheelbarrow.E002"]


def test_synchronous_normal_is_an_error():
    options = {**SQLITE_OPTIONS, "init_command": "PRAGMA synchronous=NORMAL;"}

    assert ids(_check_sqlite(options, SAFE)) == ["wheelbarrow.E004"]


def test_atomic_requests_is_an_error(settings):
    settings.DATABASES["default"]["ATOMIC_REQUESTS"] = True
    try:
        problems = check_database(None)
    finally:
        settings.DATABASES["default"]["ATOMIC_REQUESTS"] = False

    assert "wheelbarrow.E003" in ids(problems)


def test_a_table_of_operators_that_is_not_there_is_a_warning(settings, tmp_path):
    found = []
    for name in ("", str(tmp_path / "none.tsv"), __file__):
        settings.NETWORK_OPERATORS_FILE = name
        found.append([message.id for message in check_operators(None)])

    assert found == [[], ["wheelbarrow.W034"], []]


def test_a_shop_without_the_sellers_name_or_a_license_of_its_own_is_told_so(settings, tmp_path):
    settings.RELAXED, settings.DATA_DIR = False, tmp_path
    assert ids(check_texts(None)) == ["wheelbarrow.I060", "wheelbarrow.I061"]

    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/seller.md").write_text("Hare LLC")
    assert ids(check_texts(None)) == ["wheelbarrow.I061"]

    (tmp_path / "texts/license.md").write_text("You may use it.")
    assert check_texts(None) == []


def test_a_provider_whose_door_is_shut_is_told(settings):
    settings.INBOUND_PROVIDERS = ["postmark", "mailgun", "nonsense", ""]
    settings.ANYMAIL = {"MAILGUN_WEBHOOK_SIGNING_KEY": "key"}

    assert [one.msg.split()[4] for one in check_inbound_mail(None)] == ["postmark", "nonsense"]

    settings.INBOUND_PROVIDERS = [""]  # mail comes by the pipe
    assert check_inbound_mail(None) == []


def test_an_upstream_that_is_the_shop_itself_is_an_error(settings):
    settings.BASE_URL = "https://shop.example"
    found = []
    for upstream in ("", "https://pypi.org/simple", "https://shop.example/simple"):
        settings.INDEX_UPSTREAM = upstream
        found.append(ids(check_upstream(None)))

    assert found == [[], [], ["wheelbarrow.E106"]]
