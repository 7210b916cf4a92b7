"""The webhook: keep the event, mark what it is about as dirty, answer 200. Nothing else."""

import json
import logging
import time
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing import stripe_api
from billing.dirty import mark_dirty
from billing.models import DirtyObject, StripeEvent
from billing.notices import tell_owner
from billing.remote import RemoteEvent
from lib.times import from_unix

log = logging.getLogger(__name__)
TOLERANCE_SECONDS = 300  # past and future
Kind = DirtyObject.Kind


class BadEvent(Exception):
    """The body is not an event that Stripe signed for us now; answer 400."""


@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    if not settings.STRIPE_WEBHOOK_SECRETS:  # nothing could be verified: the door is shut
        raise Http404
    try:
        event = read_event(
            request.body,
            request.headers.get("Stripe-Signature", ""),
            secrets=settings.STRIPE_WEBHOOK_SECRETS,
        )
    except BadEvent as error:
        log.warning("webhook refused: %s", error)
        return HttpResponse(f"{error}\n", status=400, content_type="text/plain")
    keep_event(event)
    _check_version(event)
    return HttpResponse("ok\n", content_type="text/plain")


@transaction.atomic
def _check_version(event: RemoteEvent) -> None:
    """Another version does no harm, as all is asked for anew; but the owner did not mean it."""
    if event.api_version == stripe_api.API_VERSION or event.livemode != settings.STRIPE_LIVEMODE:
        return
    log.warning("event %s is of API version %s", event.stripe_id, event.api_version)
    tell_owner(
        f"api-version:{event.api_version[:40]}",
        f"The webhook endpoint at Stripe speaks API version {event.api_version}, and this code "
        f"{stripe_api.API_VERSION}. Nothing is lost by it; set the endpoint's version at Stripe.",
        at=timezone.now(),
    )


def read_event(body: bytes, signature: str, *, secrets: Sequence[str]) -> RemoteEvent:
    """The event in *body*, once its signature by one of *secrets* was found right.

    Raises BadEvent for anything else: unsigned, stale or from the future, not UTF-8, not JSON.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise BadEvent("the body is not UTF-8") from error
    _check_age(signature)
    if not any(stripe_api.is_signed(text, signature, secret) for secret in secrets):
        raise BadEvent("the signature is not ours")
    try:
        return _event(json.loads(text), text)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise BadEvent(f"not an event: {type(error).__name__} {error}") from error


def _check_age(signature: str) -> None:
    """The SDK limits the past only; a stamp from the future would be good for ever."""
    stamps = [part[2:] for part in signature.split(",") if part.startswith("t=")]
    if not stamps or not (stamps[0].isascii() and stamps[0].isdigit()):
        raise BadEvent("there is no Stripe-Signature header with a time")
    if abs(time.time() - int(stamps[0])) > TOLERANCE_SECONDS:
        raise BadEvent("the signature's time is more than 300 seconds off")


def _event(payload: dict[str, Any], text: str) -> RemoteEvent:
    return RemoteEvent(
        stripe_id=str(payload["id"]),
        type=str(payload["type"]),
        api_version=str(payload.get("api_version") or ""),
        livemode=bool(payload["livemode"]),
        created_at=from_unix(int(payload["created"])),
        object=dict(payload["data"]["object"]),
        changed=frozenset(payload["data"].get("previous_attributes") or ()),
        payload=text,
    )


@transaction.atomic
def keep_event(event: RemoteEvent) -> StripeEvent:
    """Store the event under its id and mark its object dirty; the same event again does nothing."""
    row, is_new = StripeEvent.objects.get_or_create(
        stripe_id=event.stripe_id,
        defaults={
            "type": event.type[:80],
            "api_version": event.api_version[:40],
            "livemode": event.livemode,
            "created_at": event.created_at,
            "payload": event.payload,
        },
    )
    if is_new:
        _mark(row, event)
    return row


def _mark(row: StripeEvent, event: RemoteEvent) -> None:
    if event.livemode != settings.STRIPE_LIVEMODE:
        row.note = "of the other mode (test or live)"
        log.warning("event %s is of the other mode; kept without effect", row.stripe_id)
    elif event.type not in HANDLED:
        row.note = "type not handled"
    elif event.type in ONLY_ABOUT and event.changed.isdisjoint(ONLY_ABOUT[event.type]):
        row.note = "of another change"
    else:
        kind, stripe_id = HANDLED[event.type](event.object)
        if stripe_id:
            row.about = mark_dirty(kind, stripe_id, at=timezone.now())
        else:
            row.note = "about nothing of ours"
    row.save(update_fields=["note", "about"])


def _subscription(subscription: dict[str, Any]) -> tuple[Kind, str]:
    return Kind.SUBSCRIPTION, str(subscription.get("id") or "")


def _subscription_of_invoice(invoice: dict[str, Any]) -> tuple[Kind, str]:
    parent = invoice.get("parent") or {}
    details = parent.get("subscription_details") or {}
    # Before API "basil" the id stood on the invoice itself; the endpoint's version decides.
    return Kind.SUBSCRIPTION, str(details.get("subscription") or invoice.get("subscription") or "")


def _subscription_of_session(session: dict[str, Any]) -> tuple[Kind, str]:
    return Kind.SUBSCRIPTION, str(session.get("subscription") or "")


def _payment(names_it: dict[str, Any]) -> tuple[Kind, str]:
    return Kind.PAYMENT, str(names_it.get("payment_intent") or "")


def _customer(customer: dict[str, Any]) -> tuple[Kind, str]:
    return Kind.CUSTOMER, str(customer.get("id") or "")


def _customer_of_method(method: dict[str, Any]) -> tuple[Kind, str]:
    return Kind.CUSTOMER, str(method.get("customer") or "")


def _session(session: dict[str, Any]) -> tuple[Kind, str]:
    return Kind.CHECKOUT_SESSION, str(session.get("id") or "")


HANDLED = {
    "checkout.session.completed": _subscription_of_session,
    "checkout.session.expired": _session,
    "customer.subscription.created": _subscription,
    "customer.subscription.updated": _subscription,
    "customer.subscription.deleted": _subscription,
    "invoice.finalized": _subscription_of_invoice,  # where to pay it is known now
    "invoice.paid": _subscription_of_invoice,
    "invoice.payment_succeeded": _subscription_of_invoice,
    "invoice.payment_failed": _subscription_of_invoice,
    "invoice.payment_action_required": _subscription_of_invoice,
    "invoice.overdue": _subscription_of_invoice,
    "invoice.finalization_failed": _subscription_of_invoice,
    "invoice.marked_uncollectible": _subscription_of_invoice,
    "invoice.voided": _subscription_of_invoice,
    "customer.subscription.paused": _subscription,
    "customer.subscription.resumed": _subscription,
    "customer.subscription.pending_update_applied": _subscription,
    "customer.subscription.pending_update_expired": _subscription,
    "customer.deleted": _customer,
    "customer.updated": _customer,
    "payment_method.updated": _customer_of_method,
    "payment_method.automatically_updated": _customer_of_method,
    "charge.refunded": _payment,
    "refund.created": _payment,
    "refund.updated": _payment,
    "refund.failed": _payment,
    "charge.dispute.created": _payment,
    "charge.dispute.updated": _payment,
    "charge.dispute.closed": _payment,
    "charge.dispute.funds_withdrawn": _payment,
    "charge.dispute.funds_reinstated": _payment,
    "radar.early_fraud_warning.created": _payment,
    "radar.early_fraud_warning.updated": _payment,
}

# Of these, only a change of these fields: each note of ours on the customer is told to us, too.
ONLY_ABOUT = {"customer.updated": {"email", "invoice_settings"}}
