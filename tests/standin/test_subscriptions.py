"""Lists, ends and the metadata of subscriptions."""

import pytest
import stripe

from .shop import Shop


def test_lists_hide_canceled_subscriptions_unless_asked(shop: Shop) -> None:
    kept, ended = shop.buy(), shop.buy()
    shop.client.v1.subscriptions.cancel(ended.id)

    listed = shop.client.v1.subscriptions.list().data
    everything = shop.client.v1.subscriptions.list({"status": "all"}).data
    canceled = shop.client.v1.subscriptions.list({"status": "canceled"}).data

    assert [each.id for each in listed] == [kept.id]
    assert {each.id for each in everything} == {kept.id, ended.id}
    assert [each.id for each in canceled] == [ended.id]


def test_canceling_now_ends_it_now(shop: Shop) -> None:
    subscription = shop.buy()

    ended = shop.client.v1.subscriptions.cancel(
        subscription.id, {"invoice_now": False, "prorate": False}
    )

    assert (ended.status, ended.cancel_at) == ("canceled", None)
    assert ended.ended_at is not None
    assert [d["type"] for d in shop.standin.take()] == ["customer.subscription.deleted"]
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.subscriptions.cancel(subscription.id)


def test_metadata_merges_and_an_empty_value_removes(shop: Shop) -> None:
    subscription = shop.buy(subscription_data={"metadata": {"a": "1", "b": "2"}})

    changed = shop.client.v1.subscriptions.update(
        subscription.id, {"metadata": {"b": "", "c": "3"}}
    )

    assert changed.metadata.to_dict() == {"a": "1", "c": "3"}
    event = shop.client.v1.events.list({"limit": 1}).data[0]
    previous = event.data.previous_attributes
    assert previous is not None
    assert previous.to_dict() == {"metadata": {"a": "1", "b": "2"}}
