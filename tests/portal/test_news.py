"""Mails about new releases, for whoever asked while signed in; one click and they stop."""

import base64
import json
from datetime import datetime, timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from licenses.models import NewsReader, Product, User
from licenses.news import follow
from outbox.mail import deliver_due_mail
from outbox.models import Mail
from pkgindex.models import Project, Release
from portal.news import announce_releases
from support.receiving import parse_due_mail
from tests.flows.crashing import crashes_in_turn
from tests.make import make_customer, make_tier
from tests.pkgindex.make import make_project, make_release

HOUR = timedelta(hours=1)


@pytest.fixture
def reader(db: None) -> User:
    make_tier()
    contact = make_customer("ann@example.com").contacts.get()
    assert contact.user is not None
    return contact.user


@pytest.fixture
def ann(reader: User) -> Client:
    client = Client()
    client.force_login(reader)
    return client


def hare() -> Product:
    return Product.objects.get(slug="hare")


def release(
    version: str,
    name: str = "hare-pro",
    *,
    released_at: datetime | None = None,
    **fields: object,
) -> Release:
    project = Project.objects.filter(name=name).first() or make_project(name, tiers=[make_tier()])
    row = make_release(project, version, released_at=released_at)
    Release.objects.filter(pk=row.pk).update(**fields)
    return row


def an_hour_later(hours: int = 1) -> list[str]:
    """Subjects of what was mailed."""
    mail.outbox = []
    at = timezone.now() + hours * HOUR
    announce_releases(at)
    deliver_due_mail(at)
    return [sent.subject for sent in mail.outbox]


def test_who_asked_while_signed_in_hears_of_the_next_release_once(ann: Client, reader: User):
    release("1.0")
    ann.post("/products/hare/news/", {"follow": "1"})
    release("1.1", changelog="Faster **batches**.")
    release("1.1", name="hare-ent")

    assert an_hour_later(0) == []  # a yank may come
    assert an_hour_later() == ["New: hare-ent 1.1, hare-pro 1.1"]
    assert an_hour_later(2) == []
    assert "Faster **batches**." in Mail.objects.get().body


def test_what_was_released_before_he_asked_and_what_is_not_for_everybody_is_no_news(reader: User):
    release("1.0", released_at=timezone.now() - timedelta(minutes=5))
    follow(reader, hare(), at=timezone.now())
    release("2.0rc1")
    release("2.1", yanked_at=timezone.now())
    release("2.2", is_staged=True)

    assert an_hour_later() == []
    Release.objects.filter(version="2.2").update(is_staged=False)
    assert an_hour_later(2) == ["New: hare-pro 2.2"]


@pytest.mark.parametrize("status", Product.GIVEN_UP)
def test_a_product_that_is_given_up_has_news_still(ann: Client, status: str):
    Product.objects.update(status=status)
    ann.post("/products/hare/news/", {"follow": "1"})
    release("1.1")

    assert an_hour_later() == ["New: hare-pro 1.1"]


def test_a_draft_has_no_news(reader: User):
    follow(reader, hare(), at=timezone.now())
    release("1.1")
    Product.objects.update(status=Product.Status.DRAFT)

    assert an_hour_later() == []


def test_releases_of_before_there_were_mails_are_never_announced(reader: User):
    long_ago = timezone.now() - timedelta(days=30)
    follow(reader, hare(), at=long_ago - HOUR)
    release("1.0", released_at=long_ago)

    assert an_hour_later() == []
    assert Release.objects.get().announced_at is not None


def test_one_click_stops_it_as_the_mail_provider_presses_it(ann: Client, reader: User):
    ann.post("/products/hare/news/", {"follow": "1"})
    release("1.1")
    an_hour_later()
    headers = mail.outbox[0].extra_headers
    path = headers["List-Unsubscribe"].strip("<>").removeprefix("http://testserver")
    provider = Client(enforce_csrf_checks=True)

    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "Stop the mails" in provider.get(path).content.decode()
    assert NewsReader.objects.exists()  # a scanner that follows the link stops nothing
    answers = [provider.post(path, {"List-Unsubscribe": "One-Click"}) for _ in range(2)]

    assert [one.status_code for one in answers] == [200, 200]
    assert not NewsReader.objects.exists()
    assert provider.post("/news/stop/forged/").status_code == 404


def test_who_calls_it_spam_gets_no_more(reader: User, settings):
    settings.INBOUND_PROVIDERS, settings.ANYMAIL = ["postmark"], {"WEBHOOK_SECRET": "hook:s"}
    follow(reader, hare(), at=timezone.now())
    event = {
        "RecordType": "SpamComplaint", "Type": "SpamComplaint", "ID": 7, "Email": "Ann@example.com",
        "MessageID": "pm-1", "BouncedAt": "2026-08-03T10:00:00Z",
    }  # fmt: skip
    basic = {"Authorization": "Basic " + base64.b64encode(b"hook:s").decode()}

    path = "/anymail/postmark/tracking/"
    Client().post(path, json.dumps(event), "application/json", headers=basic)
    parse_due_mail(timezone.now())

    assert not NewsReader.objects.exists()


def test_the_page_offers_what_is_not_so_yet(ann: Client):
    def button() -> str:
        return ann.get("/products/hare/changelog/").content.decode()

    assert "Mail me when something new is released" in button()
    ann.post("/products/hare/news/", {"follow": "1"})
    ann.post("/products/hare/news/", {"follow": "1"})
    assert NewsReader.objects.count() == 1
    assert "Mail me no more" in button()
    ann.post("/products/hare/news/", {"follow": "0"})
    assert not NewsReader.objects.exists()
    anonymous = Client().get("/products/hare/changelog/").content.decode()
    assert "By mail, once you have signed in" in anonymous
    assert Client().post("/products/hare/news/", {"follow": "1"}).status_code == 302


def test_a_staged_release_stands_on_no_page(ann: Client):
    release("1.5")
    release("9.9", is_staged=True)

    for path in ("/products/hare/changelog/", "/products/hare/changelog.atom"):
        page = ann.get(path).content.decode()
        assert "1.5" in page
        assert "9.9" not in page


@pytest.mark.django_db(transaction=True)
def test_a_crash_anywhere_announces_once(reader: User):
    follow(reader, hare(), at=timezone.now() - HOUR)
    release("1.1")

    def marked_with_its_mail() -> None:
        is_marked = Release.objects.get().announced_at is not None
        assert is_marked == Mail.objects.exists()

    later = timezone.now() + HOUR
    crashes = crashes_in_turn(lambda: announce_releases(later), marked_with_its_mail)

    assert crashes == 2
    assert (announce_releases(later), Mail.objects.count()) == (0, 1)
