import pytest
from django.test import Client

from tests.shop import Shop

pytestmark = pytest.mark.django_db


def directives(policy: str) -> dict[str, str]:
    return {
        name: rest
        for name, _, rest in (part.strip().partition(" ") for part in policy.split(";"))
        if name
    }


@pytest.mark.parametrize(
    "path",
    ["/", "/pricing/", "/account/login/", "/welcome/", "/healthz", "/buying/", "/diagnose/"],
)
def test_every_page_has_the_strict_policy(path: str):
    policy = directives(Client().get(path)["Content-Security-Policy"])

    assert policy["script-src"] == "'self'"
    assert policy["style-src"] == "'self'"
    assert policy["default-src"] == "'none'"
    assert "https://checkout.stripe.com" in policy["form-action"]
    assert "unsafe" not in str(policy)


def test_the_pricing_page_says_every_price_and_each_step(shop: Shop):
    page = Client().get("/pricing/").content.decode()

    for text in ["$99", "$995", "$269", "$2,690", "14 days", "plus tax", "4 support tickets"]:
        assert text in page
    assert "<td>from 5</td><td>$249</td><td>$1,245</td>" in page
    assert "<td>from 50</td><td>$2,150</td><td>$107,500</td>" in page


def test_an_empty_catalog_is_a_page_too():
    assert "Nothing is on sale yet" in Client().get("/").content.decode()


def test_the_pricing_page_takes_a_bounded_number_of_queries(
    shop: Shop, django_assert_max_num_queries
):
    with django_assert_max_num_queries(5):
        Client().get("/pricing/")


def test_healthz_answers_while_the_database_does():
    assert Client().get("/healthz").content == b"ok\n"


def test_a_page_that_is_not_there_is_a_helpful_404():
    response = Client().get("/no/such/page/")

    assert response.status_code == 404
    assert "sign in" in response.content.decode()


def test_a_form_without_a_token_is_refused(shop: Shop):
    browser = Client(enforce_csrf_checks=True)

    assert browser.post("/checkout/", {"price": "pro_monthly"}).status_code == 403
