"""The door of the API: keys, routes, parameters, rules between parameters, idempotency, pages."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stripe

from .process import FORM, HttpAnswer, StandIn
from .shop import Shop
from .test_contract import OLD_TUTORIALS


def call(
    standin: StandIn, method: str, path: str, form: str = "", key: str = "sk_test_x", **headers: str
) -> HttpAnswer:
    sent = {"Authorization": f"Bearer {key}", **headers}
    if method == "POST":
        return standin.request(method, path, form, FORM | sent)
    return standin.request(method, f"{path}?{form}", "", sent)


@pytest.mark.parametrize(("method", "path", "form"), OLD_TUTORIALS)
def test_old_idioms_get_stripes_error(standin: StandIn, method: str, path: str, form: str) -> None:
    answer = call(standin, method, path, form)

    error = answer.json()["error"]
    assert answer.status in (400, 404)
    assert error["type"] == "invalid_request_error"
    assert error["message"]


@pytest.mark.parametrize("key", ["", "sk_live_abc", "rk_live_abc", "pk_test_abc", "nonsense"])
def test_only_a_secret_test_key_opens_the_door(standin: StandIn, key: str) -> None:
    answer = call(standin, "GET", "/v1/account", key=key)

    assert answer.status == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_the_key_may_come_as_a_basic_user_name(standin: StandIn) -> None:
    headers = {"Authorization": "Basic c2tfdGVzdF94Og=="}

    answer = standin.request("GET", "/v1/account", "", headers)

    assert answer.status == 200
    assert answer.headers["stripe-version"] == "2026-05-27.dahlia"
    assert answer.headers["request-id"].startswith("req_")


def test_another_api_version_is_not_answered_in_ours(standin: StandIn) -> None:
    answer = call(standin, "GET", "/v1/account", **{"Stripe-Version": "2024-06-20"})

    assert answer.status == 501


def test_an_unknown_route_is_a_404_in_stripes_words(standin: StandIn) -> None:
    answer = call(standin, "GET", "/v1/nothing")

    assert answer.status == 404
    assert "Unrecognized request URL (GET: /v1/nothing)" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/quotes", "/v1/quotes/qt_1"])
def test_what_is_not_built_yet_says_so(standin: StandIn, path: str) -> None:
    answer = call(standin, "GET", path)

    assert answer.status == 501
    assert "does not do this yet" in answer.json()["error"]["message"]


def test_a_parameter_that_would_be_ignored_is_501_instead(shop: Shop) -> None:
    price = shop.pro()

    with pytest.raises(stripe.APIError, match="trial_period_days"):
        shop.session(price, subscription_data={"trial_period_days": 7})


def test_a_missing_object_is_404_in_the_path_and_400_in_a_parameter(
    client: stripe.StripeClient,
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as in_path:
        client.v1.customers.retrieve("cus_none")
    with pytest.raises(stripe.InvalidRequestError) as in_parameter:
        client.v1.prices.create({"currency": "usd", "product": "prod_none", "unit_amount": 1})

    assert (in_path.value.http_status, in_path.value.code) == (404, "resource_missing")
    assert (in_parameter.value.http_status, in_parameter.value.param) == (400, "product")


# Idempotency


def test_the_same_key_gets_the_same_answer(standin: StandIn) -> None:
    first = call(standin, "POST", "/v1/products", "name=Pro", **{"Idempotency-Key": "k1"})
    second = call(standin, "POST", "/v1/products", "name=Pro", **{"Idempotency-Key": "k1"})

    assert second.json() == first.json()
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert standin.control("GET", "state")["counts"]["product"] == 1


def test_the_same_key_for_something_else_is_an_error(client: stripe.StripeClient) -> None:
    client.v1.products.create({"name": "Pro"}, {"idempotency_key": "k1"})

    with pytest.raises(stripe.IdempotencyError):
        client.v1.products.create({"name": "Enterprise"}, {"idempotency_key": "k1"})
    with pytest.raises(stripe.IdempotencyError):
        client.v1.customers.create({"name": "Pro"}, {"idempotency_key": "k1"})


def test_a_refused_request_does_not_use_up_its_key(client: stripe.StripeClient) -> None:
    nameless: Any = {"description": "no name"}
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.products.create(nameless, {"idempotency_key": "k1"})

    assert client.v1.products.create({"name": "Pro"}, {"idempotency_key": "k1"}).name == "Pro"


def test_a_key_is_free_again_after_a_day(standin: StandIn, client: stripe.StripeClient) -> None:
    first = client.v1.products.create({"name": "Pro"}, {"idempotency_key": "k1"})
    standin.advance(25 * 3600)

    second = client.v1.products.create({"name": "Pro"}, {"idempotency_key": "k1"})

    assert second.id != first.id


def test_twenty_at_once_with_one_key_make_one_object(standin: StandIn) -> None:
    def create(_: int) -> int:
        headers = {"Idempotency-Key": "k1"}
        return call(standin, "POST", "/v1/customers", "name=x", **headers).status

    with ThreadPoolExecutor(20) as pool:
        statuses = set(pool.map(create, range(20)))

    assert statuses <= {200, 409}
    assert standin.control("GET", "state")["counts"]["customer"] == 1


# Pages and expansion


def test_lists_are_paged_newest_first(client: stripe.StripeClient) -> None:
    made = [client.v1.customers.create({"name": str(n)}).id for n in range(5)]

    first = client.v1.customers.list({"limit": 2})
    second = client.v1.customers.list({"limit": 2, "starting_after": first.data[-1].id})
    back = client.v1.customers.list({"limit": 2, "ending_before": second.data[-1].id})
    every = [customer.id for customer in first.auto_paging_iter()]

    assert [c.id for c in first.data] == [made[4], made[3]]
    assert first.has_more
    assert [c.id for c in second.data] == [made[2], made[1]]
    assert [c.id for c in back.data] == [made[3], made[2]]
    assert every == made[::-1]


@pytest.mark.parametrize("params", ["limit=0", "limit=101", "starting_after=cus_none"])
def test_a_page_that_cannot_be_is_refused(standin: StandIn, params: str) -> None:
    assert call(standin, "GET", "/v1/customers", params).status == 400


def test_ids_are_expanded_four_levels_deep(shop: Shop) -> None:
    subscription = shop.buy()

    path = "data.latest_invoice.payments.data"
    found = shop.client.v1.subscriptions.list({"expand": [path, "data.customer"]}).data[0]

    assert found.id == subscription.id
    assert expanded(found.latest_invoice).payments.data[0].status == "paid"
    assert expanded(found.customer).email == "buyer@example.com"


def expanded(value: Any) -> Any:
    assert not isinstance(value, str)
    return value


def test_tiers_are_shown_only_on_request(shop: Shop) -> None:
    price = shop.enterprise()

    plain = shop.client.v1.prices.retrieve(price.id)
    whole = shop.client.v1.prices.retrieve(price.id, {"expand": ["tiers"]})

    assert "tiers" not in plain
    assert plain.unit_amount is None
    assert [tier.up_to for tier in whole.tiers or []] == [4, 9, 19, None]
