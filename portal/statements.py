"""What a customer has, in one sentence: the first line of his account."""

from datetime import datetime

from billing.models import Subscription
from billing.verdict import grace
from lib.money import format_cents
from licenses.models import License

Status = License.Status


def state_sentence(license: License, subscription: Subscription | None) -> str:
    """The license and what becomes of it, as of the last word of Stripe."""
    what = f"{license.tier} with {threads_of(license)}"
    if license.status == Status.REVOKED and license.kind == License.Kind.EVALUATION:
        return f"Your evaluation of {license.tier} is over; nothing of it installs any more."
    if license.status == Status.REVOKED:
        return f"{license.tier} was revoked; nothing of it installs any more."
    if license.status == Status.SUSPENDED:
        return f"{license.tier} is suspended while a payment is disputed; nothing is lost."
    if license.status == Status.LAPSED:
        return (
            f"{license.tier} has ended. Everything released until {day(license.updates_until)} "
            "stays installable; newer releases need a new license."
        )
    if subscription is None:
        return f"{what}, free of charge until {day(license.paid_through)}."
    return f"{what}: {_what_comes(subscription)}"


def threads_of(license: License) -> str:
    return "unlimited threads" if license.threads is None else f"{license.threads:,} threads"


def day(moment: datetime) -> str:
    """E.g. "3 March 2026", in UTC like every date on our pages."""
    return f"{moment.day} {moment:%B %Y}"


def _what_comes(subscription: Subscription) -> str:
    price = subscription.price
    total = f"{format_cents(subscription.total_cents, price.currency)} per {price.interval}"
    if subscription.past_due_since is not None:
        return (
            f"the payment of {day(subscription.past_due_since)} failed. Everything works until "
            f"{day(subscription.past_due_since + grace())}; please pay or change the card by then."
        )
    product = price.tier.product
    if subscription.cancel_at is not None and product.status in product.GIVEN_UP:
        until = day(subscription.cancel_at)
        return f"{product} is not sold any more; nothing renews, and it works until {until}."
    if subscription.cancel_at is not None:
        return f"canceled, and everything works until {day(subscription.cancel_at)}."
    renews = (
        f"renews on {day(subscription.current_period_end)} for {total}, {_paid_by(subscription)}."
    )
    return renews + _planned(subscription)


def _paid_by(subscription: Subscription) -> str:
    if subscription.is_by_invoice:
        return "by invoice"
    last4 = subscription.card_last4
    return f"from the card ending {last4}" if last4 else "from your card"


def _planned(subscription: Subscription) -> str:
    price = subscription.planned_price
    if price is None:
        return ""
    blocks = subscription.planned_quantity or 1
    threads = price.tier.threads_for(blocks)
    what = f"{price.tier}{f' with {threads:,} threads' if threads else ''} per {price.interval}"
    return f" From then on it is {what}."
