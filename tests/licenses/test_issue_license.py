from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone

from licenses.credentials import find_credential
from licenses.models import Credential, Customer, License
from licenses.status import revoke_license
from outbox.models import Mail
from tests.licenses.at_once import at_once
from tests.make import make_customer, make_tier

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def give(*extra: str, email: str = "ada@example.com", tier: str = "hare/pro") -> str:
    """What the command prints."""
    out = StringIO()
    arguments = [f"--email={email}", f"--tier={tier}", "--name=Smith & Sons", *extra]
    call_command("issue_license", *arguments, stdout=out)
    return out.getvalue()


def key_in(printed: str) -> str:
    return next(line.split()[-1] for line in printed.splitlines() if line.startswith("index key"))


def counts() -> tuple[int, int, int, int]:
    rows = (Customer, License, Credential, Mail)
    return tuple(model.objects.count() for model in rows)  # type: ignore[return-value]


@time_machine.travel(NOW, tick=False)
def test_a_gift_makes_customer_license_key_and_mail():
    tier = make_tier("pro")

    printed = give("--days=30")

    license = License.objects.get()
    credential = find_credential(key_in(printed), NOW)
    assert credential is not None
    assert credential.customer == license.customer
    assert license.customer.name == "Smith & Sons"
    assert license.customer.contacts.get().email == "ada@example.com"
    assert (license.tier, license.kind) == (tier, License.Kind.COMPLIMENTARY)
    assert (license.status, license.threads) == (License.Status.ACTIVE, None)
    assert license.paid_through == NOW + timedelta(days=30)
    assert license.source.startswith("owner:gift-")
    assert counts() == (1, 1, 1, 1)


def test_the_mail_says_what_it_is_and_holds_no_key():
    make_tier("enterprise", threads_per_unit=100)

    key = key_in(give("--threads=250", tier="hare/enterprise"))

    mail = Mail.objects.get()
    license = License.objects.get()
    assert mail.key == f"gift:{license.source}"
    assert mail.to == ["ada@example.com"]
    assert mail.subject == "Your license of Hare Enterprise"
    assert "Smith & Sons has a license of Hare Enterprise" in mail.body
    assert "250 threads" in mail.body
    assert f"{license.paid_through:%Y-%m-%d}" in mail.body
    assert "http://testserver/account/" in mail.body
    assert key not in mail.body


@pytest.mark.parametrize("source", [[], ["--source=owner:gift-7"]])
def test_a_gift_told_twice_is_made_once_and_shows_no_second_key(source: list[str]):
    make_tier("pro")
    first = give(*source)

    again = give(*source, "--days=7", email="ADA@example.com")

    assert counts() == (1, 1, 1, 1)
    assert "index key" in first
    assert "index key" not in again
    assert "This gift was made before; nothing was changed." in again
    assert License.objects.get().source in again


def test_another_source_is_another_gift_and_another_customer():
    make_tier("pro")
    give("--source=owner:gift-1")

    give("--source=owner:gift-2")

    assert counts() == (2, 2, 2, 2)


def test_a_gift_does_not_join_a_customer_by_the_address():
    make_tier("pro")
    known = make_customer("ada@example.com")

    give()

    assert known.licenses.count() == 0


def test_a_source_that_was_given_to_somebody_else_is_refused():
    make_tier("pro")
    make_tier("enterprise")
    give("--source=owner:gift-1")

    for other in ({"email": "bob@example.com"}, {"tier": "hare/enterprise"}):
        with pytest.raises(CommandError, match="was given before as Hare Pro to Smith & Sons"):
            give("--source=owner:gift-1", **other)

    assert counts() == (1, 1, 1, 1)


def test_a_revoked_gift_told_again_stays_revoked():
    make_tier("pro")
    give("--source=owner:gift-1")
    revoke_license(License.objects.get().pk, at=timezone.now(), reason="abuse")

    assert "revoked" in give("--source=owner:gift-1")
    assert License.objects.get().status == License.Status.REVOKED


def test_a_gift_that_ended_is_given_anew():
    make_tier("pro")
    give()
    revoke_license(License.objects.get().pk, at=timezone.now(), reason="over")

    assert ["index key" in give() for _ in range(2)] == [True, False]
    assert License.objects.filter(status=License.Status.ACTIVE).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_gift_told_by_four_at_once_is_made_once():
    make_tier("pro")

    at_once(4, give)

    assert counts() == (1, 1, 1, 1)


def test_a_tier_that_counts_threads_gives_one_unit_unless_told():
    make_tier("enterprise", threads_per_unit=100)

    give("--kind=evaluation", tier="hare/enterprise")

    license = License.objects.get()
    assert (license.threads, license.kind) == (100, License.Kind.EVALUATION)


@pytest.mark.parametrize(
    ("extra", "wrong", "sentence"),
    [
        ([], {"email": "ada"}, "--email 'ada' is not an e-mail address."),
        ([], {"tier": "hare"}, "--tier 'hare' is not in the catalog; it has: hare/pro."),
        ([], {"tier": "hare/max"}, "--tier 'hare/max' is not in the catalog; it has: hare/pro."),
        (["--days=0"], {}, "--days must be from 1 to 36500, not 0."),
        (["--days=99999999999"], {}, "--days must be from 1 to 36500, not 99999999999."),
        (["--threads=0"], {}, "--threads must be from 1 to 2147483647, not 0."),
        (["--name= "], {}, "--name must say who the license is for."),
        (["--source=stripe:sub_1"], {}, "--source must begin with owner:"),
        (["--source=owner:" + "x" * 75], {}, "have at most 80 characters."),
    ],
)
def test_what_cannot_work_is_refused_in_one_sentence_and_leaves_nothing(
    extra: list[str], wrong: dict[str, str], sentence: str
):
    make_tier("pro")

    with pytest.raises(CommandError) as refused:
        give(*extra, **wrong)

    assert sentence in str(refused.value)
    assert counts() == (0, 0, 0, 0)


def test_an_unknown_kind_is_refused():
    make_tier("pro")

    with pytest.raises(CommandError, match="invalid choice: 'free'"):
        give("--kind=free")
