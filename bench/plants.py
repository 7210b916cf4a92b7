"""Bugs to plant into the running process, to see that random schedules and walks find them."""

# ruff: noqa: SLF001
from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import billing.licensing
import billing.mails
import billing.refunding
import billing.stripe_api
import billing.sync
import billing.verdict
from billing.models import Payment, StripeEvent, Subscription
from lib.times import from_unix, from_unix_or_none
from outbox.claims import Claim

Plant = Callable[[ExitStack], None]


def plant_no_fence(stack: ExitStack) -> None:
    """Whoever was overtaken writes all the same."""

    def mine(claim: Claim) -> Any:
        return claim.model._default_manager.filter(pk=claim.pk)

    stack.enter_context(patch.object(Claim, "_mine", mine))


def plant_no_key(stack: ExitStack) -> None:
    """A payment that failed is mailed as often as it is told."""
    tell, queue = billing.licensing.mail_payment_failed, billing.mails.queue_mail  # type: ignore[attr-defined]

    def queue_anew(key: str, **options: Any) -> Any:
        return queue(f"{key}:{uuid.uuid4()}", **options)

    def without_key(*args: Any) -> None:
        with (
            patch.object(billing.mails, "is_queued", lambda _: False),
            patch.object(billing.mails, "queue_mail", queue_anew),
        ):
            tell(*args)

    stack.enter_context(patch.object(billing.licensing, "mail_payment_failed", without_key))


def plant_payload(stack: ExitStack) -> None:
    """What the newest event that arrived says is taken for what is."""
    retrieve = billing.stripe_api.retrieve_subscription
    kind = billing.sync.Kind.SUBSCRIPTION
    fetch = billing.sync.FETCHES[kind]

    def from_payload(stripe_id: str) -> Any:
        told = StripeEvent.objects.filter(
            about__stripe_id=stripe_id, type__startswith="customer.subscription."
        )
        event = told.order_by("-pk").first()
        remote = retrieve(stripe_id)
        return _as_told(remote, json.loads(event.payload)["data"]["object"]) if event else remote

    def believing(stripe_id: str) -> Any:
        with patch.object(billing.stripe_api, "retrieve_subscription", from_payload):
            return fetch(stripe_id)

    stack.enter_context(patch.dict(billing.sync.FETCHES, {kind: believing}))


def _as_told(remote: Any, told: dict[str, Any]) -> Any:
    return replace(
        remote,
        status=told["status"],
        cancel_at=from_unix_or_none(told["cancel_at"]),
        ended_at=from_unix_or_none(told["ended_at"]),
        current_period_end=from_unix(told["items"]["data"][0]["current_period_end"]),
    )


def plant_no_grace(stack: ExitStack) -> None:
    """The license lapses with the first payment that fails."""
    for module in (billing.verdict, billing.licensing):
        stack.enter_context(patch.object(module, "grace", lambda: timedelta(0)))


def plant_endless(stack: ExitStack) -> None:
    """A license outlives its subscription."""
    stack.enter_context(patch.object(billing.verdict, "_of_end", lambda *_: None))


def plant_blind_to_money(stack: ExitStack) -> None:
    """Money that went back, or that the bank holds, changes nothing."""
    stack.enter_context(patch.object(billing.verdict, "_of_money", lambda _: None))


def plant_greedy(stack: ExitStack) -> None:
    """Whatever ends a subscription gives everything back that was ever paid for it."""
    give_back = billing.refunding._give_back

    def refund_all(job: Any) -> int:
        invoices = billing.stripe_api.list_paid_invoices(job.subscription.stripe_id)
        payments = [payment for invoice in invoices for payment in invoice.payments]
        return sum(one.amount_cents for one in payments if give_back(job, one))

    stack.enter_context(patch.object(billing.refunding, "_refund", refund_all))


def plant_unpaid_grant(stack: ExitStack) -> None:
    """The license has the threads that the subscription says, paid for or not."""
    grant = billing.licensing._grant
    carry = billing.licensing.carry_to_license

    def carry_unpaid(subscription: Any, remote: Any, at: Any) -> Any:
        def with_quantity(line: Any) -> Any:
            return grant(replace(line, quantity=remote.quantity))

        with patch.object(billing.licensing, "_grant", with_quantity):
            return carry(subscription, remote, at)

    stack.enter_context(patch.object(billing.sync, "carry_to_license", carry_unpaid))


def plant_free_pause(stack: ExitStack) -> None:
    """Who pays nothing because collection is paused is served for ever."""
    stack.enter_context(patch.object(Subscription, "is_paused", new=False))


def plant_keeps_late(stack: ExitStack) -> None:
    """What is paid after the end is kept."""
    stack.enter_context(patch.object(Payment, "is_late", new=False))


def plant_two_of_one(stack: ExitStack) -> None:
    """Whoever pays a second page has two subscriptions."""
    stack.enter_context(patch.object(billing.licensing, "is_duplicate", lambda *_: False))


def plant_no_stripe_key(stack: ExitStack) -> None:
    """Each request to make something at Stripe has an idempotency key of its own."""
    for name in ("create_checkout_session", "change_now", "change_at_period_end", "refund_payment"):
        stack.enter_context(patch.object(billing.stripe_api, name, _with_another_key(name)))


def _with_another_key(name: str) -> Callable[..., Any]:
    call = getattr(billing.stripe_api, name)

    def anew(*args: Any, **options: Any) -> Any:
        return call(*args, **{**options, "idempotency_key": uuid.uuid4().hex})

    return anew


PLANTS: dict[str, Plant] = {
    "no-stripe-key": plant_no_stripe_key,
    "no-fence": plant_no_fence,
    "no-key": plant_no_key,
    "payload": plant_payload,
    "no-grace": plant_no_grace,
    "endless": plant_endless,
    "blind-to-money": plant_blind_to_money,
    "greedy": plant_greedy,
    "unpaid-grant": plant_unpaid_grant,
    "free-pause": plant_free_pause,
    "keeps-late": plant_keeps_late,
    "two-of-one": plant_two_of_one,
}
