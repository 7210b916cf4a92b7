"""What the stories share; and those that docs/scenarios.md names end with the five invariants."""

import re
from collections.abc import Generator
from functools import cache
from pathlib import Path

import pytest

from billing.models import Payment
from tests.flows.books import books_agree
from tests.shop import Buyer, Shop

SCENARIOS = Path(__file__).parents[2] / "docs/scenarios.md"


@pytest.fixture
def payment(shop: Shop) -> Payment:
    """Somebody bought Pro, and all is settled."""
    Buyer(shop).buy("pro_monthly")
    shop.settle()
    return Payment.objects.get()


@pytest.fixture
def second_month(shop: Shop, payment: Payment) -> Payment:
    """A month has gone by, and the next was paid."""
    shop.advance(days=32)
    shop.settle()
    return Payment.objects.exclude(pk=payment.pk).get()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    result = yield
    shop = pyfuncitem.funcargs.get("shop")
    if isinstance(shop, Shop) and _name_of(pyfuncitem) in _scenarios():
        end_with_books(shop)
    return result


def end_with_books(shop: Shop) -> None:
    """Let nothing fail any more, deliver and find what is left; then all must be right."""
    shop.standin.control("DELETE", "faults")
    shop.settle()
    shop.advance(hours=2)  # what failed is due again
    shop.settle()
    shop.night(events=False)
    report = shop.night(events=False)
    assert not report.drift, report.drift
    books_agree(shop)


def _name_of(item: pytest.Function) -> tuple[str, str]:
    return item.path.stem, getattr(item, "originalname", item.name)


@cache
def _scenarios() -> frozenset[tuple[str, str]]:
    return frozenset(re.findall(r"`(test_\w+): (test_\w+)`", SCENARIOS.read_text()))
