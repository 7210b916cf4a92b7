"""What a buyer, his purchasing and his bookkeeping read without writing to anybody."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from billing.models import Price
from lib.colors import AA, contrast, parse_color
from licenses.models import Product
from pkgindex.models import Project, Release
from tests.make import make_tier
from tests.pkgindex.make import make_project, make_release
from tests.shop import Buyer, Shop

pytestmark = pytest.mark.django_db

QUESTIONS = (
    "card", "invoice", "quote", "purchase-order", "receipts", "tax-form", "seller", "renewal",
    "guarantee", "license", "resellers", "security", "dpa", "ethics", "export", "disputes",
    "continuity",
)  # fmt: skip


def test_each_question_of_purchasing_has_an_anchor_and_an_answer():
    page = Client().get("/buying/").content.decode()

    for anchor in QUESTIONS:
        assert re.search(rf'<h2 id="{anchor}">[^<]+</h2>\n<(p|ul)>', page), anchor
        assert f'href="#{anchor}"' in page
    assert "<form" not in page
    assert "From $10,000 a year up" in page


def test_below_the_threshold_no_page_offers_an_invoice(shop: Shop, settings):
    settings.INVOICE_MIN_YEARLY = 25_000

    prices = Client().get("/pricing/").content.decode()
    buying = Client().get("/buying/").content.decode()

    assert "Invoices from $25,000 a year" in prices
    assert "From $25,000 a year up you may pay by invoice" in buying
    assert "invoice" not in "".join(re.findall(r"<form.*?</form>", prices, re.DOTALL))


@pytest.fixture
def texts(settings, tmp_path: Path) -> Path:
    """The owner's own texts."""
    settings.DATA_DIR = tmp_path
    (tmp_path / "texts/files").mkdir(parents=True)
    return tmp_path / "texts"


def test_the_owner_replaces_a_text_and_offers_files(texts: Path):
    (texts / "seller.md").write_text("**Hare LLC**\n\nStreet 1")
    (texts / "files/w9.pdf").write_bytes(b"%PDF-1.7 form")

    page = Client().get("/buying/").content.decode()

    assert "<strong>Hare LLC</strong>" in page
    assert 'href="/buying/files/w9.pdf"' in page
    file = Client().get("/buying/files/w9.pdf")
    assert b"".join(file.streaming_content) == b"%PDF-1.7 form"
    assert "attachment" in file["Content-Disposition"]


@pytest.mark.parametrize("name", ["nothing.pdf", "..", "%2e%2e%2fseller.md", "..%2fseller.md"])
def test_no_other_file_is_offered(texts: Path, name: str):
    (texts / "seller.md").write_text("Hare LLC")

    assert Client().get(f"/buying/files/{name}").status_code == 404


def test_a_mistake_in_the_owners_text_takes_no_page_away(texts: Path):
    (texts / "buying.md").write_text("## Cards {#card}\n\n{% if %} oops")

    page = Client().get("/buying/")

    assert page.status_code == 200
    assert "{% if %} oops" in page.content.decode()


def quote_of(lookup_key: str, quantity: int, **fields: str) -> str:
    """The address of a quote."""
    form = {"price": lookup_key, "quantity": quantity, **fields}
    return Client().post("/quote/", form)["Location"]


def test_a_quote_says_every_figure_and_holds_for_thirty_days(shop: Shop):
    path = quote_of("enterprise_yearly", 5, company="Smith & Sons")

    page = Client().get(path).content.decode()

    ends = timezone.now() + timedelta(days=30)
    for text in (
        "$12,450 per year", "5 at $2,490 each", "500 threads", "Smith &amp; Sons",
        f"{ends.day} {ends:%B %Y}", "plus tax where due",
    ):  # fmt: skip
        assert text in page


def test_a_quote_is_bought_as_it_was_quoted(shop: Shop):
    path = quote_of("enterprise_monthly", 7)
    buyer = Buyer(shop)
    page = buyer.client.get(path).content.decode()
    names = ("nonce", "price", "quantity")
    form = page[page.rindex("<form") :]
    fields = {name: re.search(rf'name="{name}" value="([^"]+)"', form)[1] for name in names}

    answer = buyer.client.post("/checkout/", fields)
    buyer.client.get(buyer.pay(answer["Location"]))

    assert shop.newest_session()["amount_total"] == 7 * 24900


def test_a_quote_ends_after_thirty_days(shop: Shop):
    path = quote_of("pro_yearly", 1)

    shop.advance(days=30, seconds=1)

    assert Client().get(path).status_code == 410


def test_a_quote_that_we_did_not_sign_is_none(shop: Shop):
    path = quote_of("pro_yearly", 1)

    assert Client().get(path.replace("quote/e", "quote/f")[:-3] + "x/").status_code == 404


def test_a_quote_stays_what_it_was_when_the_price_moves(shop: Shop):
    path = quote_of("pro_yearly", 1)
    Price.objects.filter(lookup_key="pro_yearly").update(unit_amount_cents=129500)

    page = Client().get(path).content.decode()

    assert "$995 per year" in page
    assert "Buy as quoted" not in page
    assert "The price has changed since" in page


@pytest.mark.parametrize(
    "form", [{}, {"price": "pro_monthly", "quantity": 0}, {"price": "nothing"}]
)
def test_nothing_is_quoted_that_is_not_sold(shop: Shop, form: dict[str, object]):
    assert Client().post("/quote/", form)["Location"] == "/pricing/"


def released(changelog: str = "", **fields: object) -> Release:
    project = make_project("hare-pro", tiers=[make_tier("pro")])
    release = make_release(project, "2.1")
    Release.objects.filter(pk=release.pk).update(changelog=changelog, **fields)
    return release


def test_the_changelog_tells_each_release_in_its_own_words():
    released(
        "### Fixed\n- A job with **no** name.\n\n<script>x</script>", yank_reason="", yanked_at=None
    )

    page = Client().get("/products/hare/changelog/").content.decode()

    assert "<li>A job with <strong>no</strong> name.</li>" in page
    assert '<article class="block" id="hare-pro-2.1">' in page
    assert "<script>x" not in page


def test_the_feed_is_atom_and_stays_the_same_while_nothing_is_released():
    released("- Better.")

    first, second = (Client().get("/products/hare/changelog.atom") for _ in range(2))

    assert first["Content-Type"].startswith("application/atom+xml")
    assert first.content == second.content
    assert b"<title>hare-pro 2.1</title>" in first.content
    assert b"http://testserver/products/hare/changelog/#hare-pro-2.1" in first.content
    assert b"&lt;li&gt;Better.&lt;/li&gt;" in first.content


def test_an_empty_feed_is_a_feed_too():
    make_tier("pro")

    assert Client().get("/products/hare/changelog.atom").status_code == 200


def test_other_products_and_what_is_quarantined_are_not_in_it():
    released("Ours.")
    Project.objects.update(status=Project.Status.QUARANTINED)
    Product.objects.create(slug="rabbit", name="Rabbit")

    for slug in ("hare", "rabbit"):
        assert (
            "Nothing was released" in Client().get(f"/products/{slug}/changelog/").content.decode()
        )
    assert Client().get("/products/nothing/changelog/").status_code == 404


@pytest.mark.parametrize("path", ["/pricing/", "/products/hare/changelog/", "/buying/"])
def test_pages_for_everybody_take_few_queries(shop: Shop, path: str, django_assert_max_num_queries):
    project = Project.objects.get(name="hare-pro")
    for number in range(40):
        make_release(project, f"1.{number}")

    with django_assert_max_num_queries(5):
        assert len(Client().get(path).content) < 60_000


@pytest.mark.parametrize(
    "color", ["#14633c", "#ffee00", "#000000", "#ffffff", "#ff5a1f", "#3355ff"]
)
def test_the_shops_colour_is_readable_by_day_and_by_night(settings, color: str):
    settings.ACCENT_COLOR = color
    page = Client().get("/diagnose/").content.decode()
    path = f"/accent/{color[1:]}.css"
    assert path in page

    sheet = Client().get(path)

    assert sheet["Content-Type"].startswith("text/css")
    day, night = re.findall(r"--accent: (#\w{6}); --on-accent: (#\w{6})", sheet.content.decode())
    for (accent, text), ground in ((day, "#f6f7f9"), (night, "#181c21")):
        assert contrast(parse_color(accent), parse_color(ground)) >= AA
        assert contrast(parse_color(accent), parse_color(text)) >= AA
    assert Client().get("/accent/123456.css").status_code == 404
