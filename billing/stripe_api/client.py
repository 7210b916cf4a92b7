"""The SDK's client, and its errors as ours."""

import functools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import stripe
from django.conf import settings

API_VERSION = "2026-05-27.dahlia"
T = TypeVar("T")
TIMEOUT_SECONDS = 8  # with one retry and three requests well inside a worker's lease


class StripeUnavailable(Exception):
    """Stripe did not answer, or not now; try the same call again later."""


class StripeFailed(StripeUnavailable):
    """Stripe failed itself, keeps that under the idempotency key, and repeats it for a day."""


class StripeRefused(Exception):
    """Stripe says that the request cannot work; trying again will not help."""

    code: str = ""  # Stripe's, e.g. "charge_already_refunded"


class CardDeclined(Exception):
    """The card was refused; the text is Stripe's, for the customer to read."""


class StripeObjectGone(StripeRefused):
    """No such object at Stripe (any more)."""


@contextmanager
def translated_errors() -> Iterator[None]:
    try:
        yield
    except stripe.InvalidRequestError as error:
        gone = error.code == "resource_missing"
        refused = (StripeObjectGone if gone else StripeRefused)(str(error))
        refused.code = error.code or ""
        raise refused from error
    except stripe.CardError as error:
        raise CardDeclined(error.user_message or str(error)) from error
    except (stripe.AuthenticationError, stripe.PermissionError, stripe.IdempotencyError) as error:
        raise StripeRefused(str(error)) from error
    except stripe.StripeError as error:
        is_kept = (error.headers or {}).get("idempotent-replayed") == "true"
        raise (StripeFailed if is_kept else StripeUnavailable)(str(error)) from error


def past_failure(create: Callable[[str], T], key: str) -> T:
    """Make something under this idempotency key; under another one, once, where it is spoilt.

    The failure does not say whether it was made after all: so *create* looks for it first, or makes
    what does no harm twice.
    """
    try:
        return create(key)
    except StripeFailed:
        return create(f"{key}-{time.time_ns()}")


def client() -> stripe.StripeClient:
    return _make_client(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE, os.getpid())


@functools.lru_cache(maxsize=4)
def _make_client(key: str, api_base: str, pid: int) -> stripe.StripeClient:
    """One client per process: a kept-alive connection must not cross a fork."""
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        base_addresses={"api": api_base} if api_base else {},
        max_network_retries=1,
        http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
    )


def id_of(reference: Any) -> str:
    """The id of something that may be expanded, a bare id, or null."""
    if reference is None:
        return ""
    return reference if isinstance(reference, str) else str(reference.id)


def metadata_of(row: Any) -> dict[str, str]:
    """The object's metadata as a dict, which the SDK's own is not."""
    return dict(row.metadata.to_dict())
