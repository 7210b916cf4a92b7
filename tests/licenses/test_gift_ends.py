"""What was given for a time: told two weeks before, ended by its date, once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone

from billing.chores import do_chores
from billing.models import Chore
from licenses.entitlements import find_holder, may_download
from licenses.gift_ends import end_gifts, tell_of_ends
from licenses.issuing import Grant, issue_license, renew_license
from licenses.models import License, LicenseEvent, User
from licenses.status import revoke_license
from licenses.transferring import transfer_license
from outbox.models import Mail
from tests.licenses.leasing import ask, got, wish
from tests.make import make_credential, make_customer, make_license, make_tier

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def now() -> datetime:
    return timezone.now()


def give(kind: str, *, until: datetime, threads: int | None = None, number: int = 0) -> License:
    grant = Grant(make_tier("enterprise").pk, kind, threads, until)
    license = issue_license(
        customer_id=make_customer("dev@company.example").pk,
        source=f"owner:{kind}-{number}", grant=grant, at=timezone.now(),
    )  # fmt: skip
    return License.objects.select_related("tier__product", "customer").get(pk=license.pk)


@pytest.mark.parametrize(
    ("kind", "status"), [("complimentary", "lapsed"), ("evaluation", "revoked")]
)
def test_a_gift_ends_when_its_time_is_over_and_once(now: datetime, kind: str, status: str):
    license = give(kind, until=now + 30 * DAY)
    tell_of_ends(now + 20 * DAY)

    done = [end_gifts(now + days * DAY) for days in (29, 30, 31)]

    license.refresh_from_db()
    assert (done, license.status) == ([0, 1, 0], status)
    assert LicenseEvent.objects.filter(license=license, name=status).count() == 1


def test_what_is_paid_for_does_not_end_by_its_date(now: datetime):
    license = make_license(paid_through=now + DAY)

    assert end_gifts(now + 100 * DAY) == tell_of_ends(now) == 0
    license.refresh_from_db()
    assert license.status == License.Status.ACTIVE


def test_an_ended_evaluation_installs_nothing_and_leases_nothing(now: datetime):
    license = give("evaluation", until=now + DAY, threads=100)
    _, token = make_credential(license.customer)
    ask(license, wish(10), now)

    end_gifts(now + DAY)

    holder = find_holder(token, now + DAY)
    assert holder is not None
    verdict = may_download(holder, tier_ids=[license.tier_id], released_at=now - 100 * DAY)
    assert not verdict.is_allowed
    assert verdict.reason == "Your evaluation of Hare Enterprise is over"
    license.refresh_from_db()
    assert got(ask(license, wish(10), now + DAY)) == ("REVOKED", 0, 0)
    browser = Client()
    browser.force_login(User.objects.get(email="dev@company.example"))
    assert "Your evaluation of Hare Enterprise is over" in browser.get("/account/").content.decode()


def test_the_holder_hears_of_the_end_two_weeks_before_and_anew_when_it_was_moved(now: datetime):
    license = give("evaluation", until=now + 30 * DAY)

    first = [tell_of_ends(now + days * DAY) for days in (15, 16, 17)]
    longer = Grant(license.tier_id, "evaluation", None, now + 60 * DAY)
    renew_license(license.pk, grant=longer, at=now + 17 * DAY)
    second = [tell_of_ends(now + days * DAY) for days in (18, 46, 47)]

    assert (first, second) == ([0, 1, 0], [0, 1, 0])
    mail = Mail.objects.filter(key__startswith="gift-ends:").first()
    assert mail is not None
    assert mail.to == ["dev@company.example"]
    assert mail.subject.startswith("Your evaluation of Hare Enterprise ends on")


def test_a_gift_that_was_over_untold_ends_two_weeks_after_the_mail(now: datetime):
    license = give("complimentary", until=now - 100 * DAY)

    done = [
        (tell_of_ends(now + days * DAY), end_gifts(now + days * DAY)) for days in (0, 1, 13, 15, 16)
    ]

    assert done == [(1, 0), (0, 0), (0, 0), (0, 1), (0, 0)]
    license.refresh_from_db()
    assert license.status == License.Status.LAPSED
    mail = Mail.objects.get(key__startswith="gift-ends:")
    last_day = now + 14 * DAY
    assert mail.subject == f"Your license of Hare Enterprise ends on {last_day:%-d %B}"
    assert f"was given until {license.paid_through:%-d %B %Y}" in mail.body
    assert f"It ends on {last_day:%-d %B %Y}, {last_day:%H:%M} UTC" in mail.body


def test_whoever_holds_it_after_a_transfer_hears_of_the_end_and_has_two_weeks(now: datetime):
    license, buyer = give("complimentary", until=now + DAY), make_customer("new@company.example")
    tell_of_ends(now)
    transfer_license(license.pk, to_customer_id=buyer.pk, at=now)

    done = []
    for night in (now + days * DAY for days in (2, 3, 15, 16, 17)):
        with time_machine.travel(night, tick=False):
            done.append((tell_of_ends(night), end_gifts(night)))

    assert done == [(1, 0), (0, 0), (0, 0), (0, 1), (0, 0)]
    told = Mail.objects.filter(key__startswith="gift-ends:").order_by("pk")
    assert [mail.to for mail in told] == [["dev@company.example"], ["new@company.example"]]


def test_a_gift_that_nobody_can_hear_of_ends_by_its_date(now: datetime):
    license = give("complimentary", until=now - DAY)
    license.customer.contacts.all().delete()

    assert (tell_of_ends(now), end_gifts(now)) == (0, 1)


@pytest.mark.parametrize("threads", [None, 100])
def test_the_mail_says_how_to_go_on_and_which_keys_work_on(now: datetime, threads: int | None):
    give("evaluation", until=now + DAY, threads=threads)

    tell_of_ends(now)

    body = Mail.objects.get(key__startswith="gift-ends:").body
    sign_in, buy = body.index("http://testserver/account/"), body.index("/pricing/")
    assert sign_in < buy
    assert "whose keys for installing work on" in body
    assert ("make one on the page of the account" in body) == (threads is not None)


def revoke(license: License, at: datetime) -> None:
    revoke_license(license.pk, at=at, reason="abuse")


def extend(license: License, at: datetime) -> None:
    grant = Grant(license.tier_id, license.kind, license.threads, at + 60 * DAY)
    renew_license(license.pk, grant=grant, at=at)


@pytest.mark.parametrize(("act", "status"), [(revoke, "revoked"), (extend, "active")])
def test_what_the_owner_did_while_others_ended_stands(
    now: datetime, act: Callable[[License, datetime], None], status: str
):
    _, second, _ = [give("complimentary", until=now - DAY, number=number) for number in range(3)]
    tell_of_ends(now)
    seen: list[str] = []

    def act_on_the_second(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if not seen and sql.startswith('UPDATE "licenses_license"'):
            seen.append(sql)
            act(second, now)
        return execute(sql, *rest)

    with connection.execute_wrapper(act_on_the_second):
        done = end_gifts(now + 15 * DAY)

    states = License.objects.order_by("pk").values_list("status", flat=True)
    assert (done, list(states)) == (2, ["lapsed", status, "lapsed"])


def test_the_night_does_it(now: datetime):
    license = give("evaluation", until=now - DAY)
    Chore.objects.create(name="remind", due_at=now)

    do_chores(now)

    license.refresh_from_db()
    assert license.status == License.Status.REVOKED
    assert "1 gifts ended" in Chore.objects.get(name="remind").outcome
