"""The page of a license's threads: who has them, what was refused and why, and what would help."""

import csv
import json
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from billing.models import Subscription
from licenses.credentials import create_lease_credential, find_lease_credential
from licenses.lease_duties import lease_duties
from licenses.leases import acquire_leases, release_lease
from licenses.models import Lease, LeaseHour, LeasePool, License, LicenseEvent, User
from licenses.wishes import Wish
from tests.flows.changing import confirm, subscribed
from tests.licenses.leasing import ask, limited, wish
from tests.make import make_customer, make_license
from tests.shop import Shop

pytestmark = pytest.mark.django_db
MOST_QUERIES = 12


@pytest.fixture
def license() -> License:
    return limited(100, customer=make_customer("dev@company.example"))


def signed_in(email: str = "dev@company.example") -> Client:
    client = Client()
    client.force_login(User.objects.get(email=email))
    return client


def path(license: License, rest: str = "/") -> str:
    return f"/account/licenses/{license.pk}/threads{rest}"


def page_of(license: License) -> str:
    """Its words, without tags."""
    html = signed_in().get(path(license)).content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace(" ,", ",").replace(" .", ".")


def lease(license: License, threads: int, **fields: object) -> Wish:
    asked = wish(threads, **fields)
    ask(license, asked, timezone.now())
    return asked


def test_nobody_leased_anything_yet(license: License):
    page = page_of(license)

    for text in (
        "No threads are leased in production now.",
        "No process has a lease.",
        "Nothing: every process got what it wanted.",
        "No threads were leased in the last 48 hours.",
        "None yet. A process without one runs, and leases nothing.",
    ):
        assert text in page
    assert "What would be enough" not in page


def test_the_page_lists_each_process_with_what_it_has(license: License):
    lease(license, 60, slot="web/1", package="hare-ent/2.1.0")
    lease(license, 70)
    lease(license, 30, env="staging")

    page = page_of(license)

    assert "130 of 100 threads are leased in production, 20 of them for a deployment" in page
    assert "30 run elsewhere, free of charge." in page
    for text in ("web/1", "hare-ent/2.1.0", "staging", "20 for a deployment", "130 at most"):
        assert text in page
    assert "wait" not in page.split("Processes now")[0]


@pytest.mark.parametrize(
    ("before", "asked", "why"),
    [
        ([110, 90], {"threads": 10}, "twice the limit, 200, is the most at once"),
        ([], {"threads": 501, "env": "staging"}, "outside production there are 500 at most"),
    ],
)
def test_whoever_waits_is_told_why(license: License, before: list[int], asked, why: str):
    for threads in before:
        lease(license, threads)
    lease(license, **asked)

    page = page_of(license)

    assert "1 process waits for threads" in page
    assert why in page


def test_without_time_for_deployments_that_is_the_reason(license: License):
    LeasePool.objects.create(pk=license.pk, surge_left_s=0, surge_counted_at=timezone.now())
    lease(license, 110)
    lease(license, 10)

    page = page_of(license)

    assert "the limit is reached, and the time for deployments is used up" in page
    assert "for an hour a day; 0 minutes are left" in page
    assert "1: the limit of 100 was reached." in page


def test_whoever_waits_beside_free_threads_is_told_that_he_gets_them(license: License):
    first, *_, last = [lease(license, 50) for _ in range(5)]
    before = page_of(license)

    release_lease(license.pk, first.iid)
    after = page_of(license)

    assert "is the most at once" in before
    assert "some are free now: it gets them when it asks next" in after
    assert ask(license, last, timezone.now()).grant.total == 50


def test_a_pool_that_shrinks_says_so_and_until_then_when_it_will(license: License):
    asked = lease(license, 110)
    since = timezone.now() - timedelta(days=2)
    LeasePool.objects.update(over_since=since)
    soon = page_of(license)
    LeasePool.objects.update(is_draining=True)
    ask(license, asked, timezone.now())
    drains = page_of(license)

    assert f"from {since + timedelta(days=14):%-d %B} on each process would give a few back" in soon
    assert "until 100 are left; no job is killed" in drains
    assert "the license shrinks back to its 100" in drains
    assert "1: it shrank back to its limit." in drains


def test_release_frees_the_threads_once_and_is_written_down(license: License):
    stuck, other = lease(license, 60, slot="web/1"), lease(license, 40)
    browser = signed_in()

    first = browser.post(path(license, "/release/"), {"iid": str(stuck.iid)}, follow=True)
    again = browser.post(path(license, "/release/"), {"iid": str(stuck.iid)}, follow=True)

    assert "Its threads are free" in first.content.decode()
    assert "had ended before" in again.content.decode()
    assert [row.iid for row in Lease.objects.all()] == [other.iid]
    event = LicenseEvent.objects.get(name="threads released")
    assert event.reason == "60 of web/1 by dev@company.example"


def test_a_released_process_that_lives_gets_its_threads_back(license: License):
    alive = lease(license, 60)
    signed_in().post(path(license, "/release/"), {"iid": str(alive.iid)})

    answer = ask(license, alive, timezone.now())

    assert (answer.code, answer.grant.firm) == ("OK", 60)


@pytest.mark.parametrize("iid", ["", "all", "91abbd3b-ce6a-4c6a-a531-bb17f3c908e6"])
def test_nothing_that_is_no_lease_of_it_is_released(license: License, iid: str):
    lease(license, 60)
    theirs = limited(100, customer=make_customer("other@company.example"))
    strange = lease(theirs, 50)

    for asked in (iid, str(strange.iid)):
        signed_in().post(path(license, "/release/"), {"iid": asked})

    assert Lease.objects.count() == 2
    assert not LicenseEvent.objects.filter(name="threads released").exists()


@pytest.mark.parametrize("rest", ["/", ".csv", ".json"])
def test_another_customers_threads_are_not_there(license: License, rest: str):
    make_license(customer=make_customer("other@company.example"))

    assert signed_in("other@company.example").get(path(license, rest)).status_code == 404


def test_the_csv_has_every_hour_of_the_days_asked_for(license: License):
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    for days in (0, 30, 31, 100):
        LeaseHour.objects.create(
            license_id=license.pk, hour=now - timedelta(days=days), peak=days + 1, over_limit=2
        )

    def peaks(**span: object) -> list[str]:
        text = signed_in().get(path(license, ".csv"), span).content.decode()
        return [row["peak"] for row in csv.DictReader(text.splitlines())]

    day = (now - timedelta(days=100)).date()
    assert peaks() == ["31", "1"]
    assert peaks(since=day, until=day) == ["101"]
    assert peaks(since=day) == ["101", "32", "31", "1"]
    assert peaks(since="last year") == ["31", "1"]


@pytest.mark.parametrize("rest", [".csv", ".json"])
@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-10", "0001-01-01"])
@pytest.mark.parametrize("end", ["since", "until"])
def test_a_day_outside_of_all_time_is_none(license: License, rest: str, day: str, end: str):
    lease(license, 60)

    response = signed_in().get(path(license, rest), {end: day})

    assert response.status_code == 200
    assert "60" in response.content.decode()


def test_the_json_is_what_the_api_says(license: License):
    asked = lease(license, 60, slot="web/1")

    response = signed_in().get(path(license, ".json"))

    data = json.loads(response.content)
    assert data["limit"] == 100
    assert [(one["iid"], one["firm"]) for one in data["leases"]] == [(str(asked.iid), 60)]
    assert [(one["peak"], one["over_limit"]) for one in data["hours"]] == [(60, 0)]
    assert "attachment" in response["Content-Disposition"]


def test_a_key_for_leasing_is_made_on_the_page(license: License):
    html = signed_in().get(path(license)).content.decode()
    form = html[html.index('action="/account/keys/"') :]
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))

    shown = signed_in().post("/account/keys/", {**fields, "name": "production"}).content.decode()

    [token] = re.findall(r'id="key"[^>]*>(wb_ls_\w{36})<', shown)
    found = find_lease_credential(token, timezone.now())
    assert found is not None
    assert found.license_id == license.pk
    assert "production" in page_of(license)
    assert token not in page_of(license)


def test_an_unlimited_license_shows_its_processes_and_no_limit():
    license = limited(None, customer=make_customer("dev@company.example"))
    lease(license, 5000)

    page = page_of(license)

    assert "5,000 threads are leased in production." in page
    assert "How threads are counted" not in page


def test_the_account_and_the_usage_lead_to_the_page(license: License):
    browser = signed_in()

    for address in ("/account/", f"/account/{license.customer_id}/usage/"):
        assert f'href="{path(license)}"' in browser.get(address).content.decode()


def test_many_processes_cost_no_more_queries(license: License, django_assert_max_num_queries):
    acquire_leases(license, [wish(1) for _ in range(250)], at=timezone.now())
    acquire_leases(license, [wish(1, env="staging") for _ in range(200)], at=timezone.now())
    for number in range(20):
        create_lease_credential(license.pk, name=f"{number}", at=timezone.now())

    browser = signed_in()
    with django_assert_max_num_queries(MOST_QUERIES):
        page = browser.get(path(license)).content.decode()

    assert "And 150 more" in page


def test_a_deployment_is_no_reason_to_buy(license: License):
    """Blue-green at the limit: everybody gets all, 10 % of it firm."""
    for _ in range(2):
        lease(license, 100)
    LeasePool.objects.update(over_since=timezone.now() - timedelta(minutes=50))

    assert "What would be enough" not in page_of(license)


def test_a_gift_that_is_too_small_leads_to_us(license: License):
    for _ in range(5):
        lease(license, 50)

    page = page_of(license)

    assert "250 threads were wanted at once, and the license has 100. 300 would do." in page
    assert "Ask us for more threads" in page


def test_whoever_was_refused_buys_what_he_needs_and_gets_it(shop: Shop, root_key):
    subscription: Subscription = subscribed(shop, "enterprise_monthly")
    license = License.objects.select_related("tier__product", "customer").get()
    waiting = [lease(license, 50) for _ in range(5)][-1]
    html = signed_in().get(path(license)).content.decode()
    [url] = re.findall(r'class="button" href="([^"]+)"', html)

    preview = signed_in().get(url.replace("&amp;", "&")).content.decode()
    confirm(subscription, preview)
    shop.settle()
    license.refresh_from_db()
    answer = ask(license, waiting, timezone.now())
    lease_duties(timezone.now() + timedelta(minutes=2))

    assert "costs <strong>$807 per month</strong>" in html
    assert (license.threads, answer.code, answer.grant.firm) == (300, "OK", 50)
    assert 'class="button"' not in signed_in().get(path(license)).content.decode()
