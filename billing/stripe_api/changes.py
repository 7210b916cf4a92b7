"""Changing a subscription: more or less of it, another price, its end, and its owner's own page."""

from typing import TYPE_CHECKING, Any

import stripe

from billing.remote import PlannedChange, RemotePreview
from billing.stripe_api.client import (
    StripeRefused,
    client,
    id_of,
    past_failure,
    translated_errors,
)

if TYPE_CHECKING:
    from stripe.params import (
        InvoiceCreatePreviewParams,
        InvoiceCreatePreviewParamsSubscriptionDetailsItem,
        SubscriptionUpdateParams,
    )
    from stripe.params.billing_portal import ConfigurationCreateParams

PORTAL_MARK = "wheelbarrow-portal-2"
PORTAL: "ConfigurationCreateParams" = {
    "metadata": {"made_by": PORTAL_MARK},
    "features": {
        "payment_method_update": {"enabled": True},
        "invoice_history": {"enabled": True},
        "customer_update": {
            "enabled": True,
            "allowed_updates": ["email", "address", "tax_id", "name"],
        },
    },
}
RUNNING = {"active", "not_started"}  # of a schedule: it holds its subscription


class ChangeIsPlanned(StripeRefused):
    """The subscription changes at the end of its period already; undo that first."""


def preview_change(
    stripe_id: str, *, price_id: str, quantity: int, proration_at: int
) -> RemotePreview:
    """What changing now would be billed: to the cent what `change_now` charges for the same
    *proration_at* (Unix seconds).
    """
    with translated_errors():
        v1 = client().v1
        subscription = v1.subscriptions.retrieve(stripe_id)
        item: InvoiceCreatePreviewParamsSubscriptionDetailsItem = {
            "id": _item_of(subscription),
            "price": price_id,
            "quantity": quantity,
        }
        params: InvoiceCreatePreviewParams = {
            "subscription": stripe_id,
            "subscription_details": {
                "items": [item],
                "proration_behavior": "always_invoice",
                "proration_date": proration_at,
            },
        }
        invoice = v1.invoices.create_preview(params)
    return RemotePreview(amount_cents=invoice.amount_due, currency=invoice.currency)


def change_now(
    stripe_id: str, *, price_id: str, quantity: int, proration_at: int, idempotency_key: str
) -> None:
    """Bill the difference at once; the subscription changes only when that is paid.

    `pending_if_incomplete`: a card that fails leaves everything as it is, and the open invoice's
    page lets the customer finish. Raises ChangeIsPlanned while another change waits for the
    period's end: whatever becomes of this one, that one is not lost.
    """
    with translated_errors():
        v1 = client().v1
        subscription = v1.subscriptions.retrieve(stripe_id, {"expand": ["schedule"]})
        if planned_change(subscription.schedule) is not None:
            raise ChangeIsPlanned(f"{stripe_id} changes at the end of its period already")
        _release(subscription.schedule)
        params: SubscriptionUpdateParams = {
            "items": [
                {"id": _item_of(subscription), "price": price_id, "quantity": quantity},
            ],
            "proration_behavior": "always_invoice",
            "payment_behavior": "pending_if_incomplete",
            "proration_date": proration_at,
        }
        v1.subscriptions.update(stripe_id, params, {"idempotency_key": idempotency_key})


def change_at_period_end(
    stripe_id: str, *, price_id: str, quantity: int, interval: str, idempotency_key: str
) -> str:
    """Go on as it is until the paid time is over, then with this; returns the schedule's id.

    *interval*: the new price's. A schedule that is there already is given the new second phase.
    """
    with translated_errors():
        v1 = client().v1
        subscription = v1.subscriptions.retrieve(stripe_id, {"expand": ["customer"]})
        _lend_card(subscription)
        schedule_id = id_of(subscription.schedule)
        if not schedule_id:
            schedule_id = _attach_schedule(stripe_id, idempotency_key)
        item = subscription["items"].data[0]
        kept = {"proration_behavior": "none", **_kept_terms(subscription)}
        phases: Any = [  # the SDK's types want a class for each level
            {
                "items": [{"price": item.price.id, "quantity": item.quantity or 1}],
                "start_date": item.current_period_start,
                "end_date": item.current_period_end,
                **kept,
            },
            {
                "items": [{"price": price_id, "quantity": quantity}],
                "duration": {"interval": interval, "interval_count": 1},
                # Or Stripe keeps the old months, and bills nothing for the first year after one.
                "billing_cycle_anchor": "phase_start",
                **kept,
            },
        ]
        v1.subscription_schedules.update(
            schedule_id,
            {"end_behavior": "release", "proration_behavior": "none", "phases": phases},
        )
    return schedule_id


def _kept_terms(subscription: stripe.Subscription) -> dict[str, Any]:
    """What each phase must name, or it is gone: phases replace all that was said before."""
    terms: dict[str, Any] = {}
    if subscription.discounts:
        terms["discounts"] = [{"discount": id_of(each)} for each in subscription.discounts]
    if subscription.automatic_tax.enabled:
        terms["automatic_tax"] = {"enabled": True}
    return terms


def _lend_card(subscription: stripe.Subscription) -> None:
    """Make the subscription's card its customer's, who has none where Checkout sold it.

    A phase that names no card is charged to the customer's own; one that names it would charge
    the old card after the customer has changed it.
    """
    own = id_of(subscription.default_payment_method)
    settings = getattr(subscription.customer, "invoice_settings", None)  # none of a deleted one
    if own and settings and not settings.default_payment_method:
        client().v1.customers.update(
            id_of(subscription.customer), {"invoice_settings": {"default_payment_method": own}}
        )


def _attach_schedule(stripe_id: str, idempotency_key: str) -> str:
    """A schedule that holds the subscription; the same key twice makes one.

    But a plan that was undone, and is confirmed once more, gets the next one: Stripe repeats its
    first answer, the schedule that was released since.
    """
    schedules, key = client().v1.subscription_schedules, idempotency_key
    while True:
        made = schedules.create({"from_subscription": stripe_id}, {"idempotency_key": key})
        if schedules.retrieve(made.id).status in RUNNING:
            return made.id
        key = f"{idempotency_key}-{made.id}"


def release_schedule(stripe_id: str) -> bool:
    """Forget a planned change of this subscription; whether there was one.

    A schedule holds the subscription until its last phase is over, so also when nothing is
    planned any more: Stripe refuses to cancel what is held.
    """
    with translated_errors():
        subscription = client().v1.subscriptions.retrieve(stripe_id, {"expand": ["schedule"]})
        was_planned = planned_change(subscription.schedule) is not None
        _release(subscription.schedule)
    return was_planned


def _release(schedule: object) -> None:
    if isinstance(schedule, stripe.SubscriptionSchedule) and schedule.status in RUNNING:
        client().v1.subscription_schedules.release(schedule.id)


def set_cancel_at_period_end(stripe_id: str, *, is_canceled: bool) -> None:
    """Cancel at the end of the paid time, or take that back."""
    with translated_errors():
        client().v1.subscriptions.update(stripe_id, {"cancel_at_period_end": is_canceled})


def create_portal_session(customer_id: str, *, return_url: str) -> str:
    """The URL of Stripe's own page for card, address and tax ids; good for a few minutes."""
    with translated_errors():
        session = client().v1.billing_portal.sessions.create(
            {
                "customer": customer_id,
                "configuration": _portal_configuration(),
                "return_url": return_url,
            }
        )
    return session.url


def _portal_configuration() -> str:
    """Our own set-up of the portal, made on first use: card, addresses, tax id, invoices.

    No change of plan and no cancellation there: our account page says more exactly what happens.
    """
    configurations = client().v1.billing_portal.configurations
    for one in configurations.list({"active": True, "limit": 100}).auto_paging_iter():
        if one.metadata and one.metadata.to_dict().get("made_by") == PORTAL_MARK:
            return one.id

    @translated_errors()
    def create(key: str) -> str:
        return configurations.create(PORTAL, {"idempotency_key": key}).id

    return past_failure(create, PORTAL_MARK)


def planned_change(schedule: object) -> PlannedChange | None:
    """A schedule's phase to come; None without one."""
    if not isinstance(schedule, stripe.SubscriptionSchedule) or len(schedule.phases) < 2:
        return None
    if schedule.status not in RUNNING:
        return None
    current = schedule.current_phase
    coming = [p for p in schedule.phases if current is None or p.start_date > current.start_date]
    if not coming:
        return None
    item = coming[-1]["items"][0]
    return PlannedChange(schedule.id, id_of(item.price), item.quantity or 1)


def _item_of(subscription: stripe.Subscription) -> str:
    item_id: str = subscription["items"].data[0].id
    return item_id
