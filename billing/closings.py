"""A product is given up: nobody new, its holders are told, and nothing renews any more.

Whoever paid is served until his paid time is over, and keeps what he may install then, so no money
has to go back. `close_product` is the owner's word; the worker carries it to each subscription,
also to one whose purchase was on its way. The last that ends retires the product.
"""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from billing import stripe_api
from billing.dirty import mark_dirty
from billing.models import Closing, DirtyObject, Subscription
from billing.notices import tell_owner
from billing.verdict import ENDED
from licenses import people
from licenses.models import License, Product
from outbox.claims import for_a_while
from outbox.mail import queue_mail

log = logging.getLogger(__name__)
Status = Product.Status
TEMPLATE = "billing/closing"


class NotOnSale(Exception):
    """Only what is on sale can be closed; a draft is deleted."""


def running(product_ids: list[int]) -> QuerySet[Subscription]:
    """The subscriptions that a closing ends.

    What was never paid or is being given back ends without it.
    """
    rows = Subscription.objects.filter(price__tier__product__in=product_ids, guarantee=None)
    rows = rows.exclude(status__in={*ENDED, "incomplete"})
    return rows.select_related("customer", "license", "price__tier__product")


def gifts(product_id: int) -> QuerySet[License]:
    """Licenses that no subscription pays for: they stay as they are, their holders are told."""
    rows = License.objects.filter(tier__product=product_id, status=License.Status.ACTIVE)
    return rows.exclude(source__startswith="stripe:").select_related("customer", "tier__product")


def mail_context(license_or_tier: License | Subscription) -> dict[str, object]:
    """What the mail says; the same for the owner's preview."""
    if isinstance(license_or_tier, License):
        license = license_or_tier
        return {
            "tier": license.tier,
            "until": license.paid_through,
            "gift": True,
            "is_evaluation": license.kind == License.Kind.EVALUATION,
        }
    row = license_or_tier
    ends_at = row.cancel_at or row.current_period_end
    if row.status != "past_due":
        return {"tier": row.price.tier, "until": ends_at}
    paid = row.license.paid_through if row.license else ends_at
    return {
        "tier": row.price.tier,
        "is_unpaid": True,
        "paid_through": paid if paid < ends_at else None,  # of its own money, not on a signature
        "until": ends_at,
        "pay_url": row.pay_url,
    }


@transaction.atomic
def close_product(product_id: int, *, at: datetime) -> bool:
    """Sell it to nobody any more; False when it was closed before. Raises NotOnSale."""
    product = Product.objects.select_for_update().get(pk=product_id)
    if product.status in Product.GIVEN_UP:
        return False
    if product.status != Status.ON_SALE:
        raise NotOnSale(f"{product} is a {product.status}")
    last = running([product_id]).aggregate(at=Max("current_period_end"))["at"]
    Product.objects.filter(pk=product_id).update(status=Status.CLOSING, ends_on=(last or at).date())
    for license in gifts(product_id):
        _mail(f"closing:license:{license.pk}", license, license.customer_id)
    return True


def close_subscriptions(at: datetime) -> int:
    """Tell each holder, let nothing renew, retire what has none left; how much was done."""
    given_up = dict(Product.objects.filter(status__in=Product.GIVEN_UP).values_list("pk", "status"))
    if not given_up:
        return 0
    untold = running(list(given_up)).filter(closing=None).values_list("pk", flat=True)
    done = sum(_announce(pk, at) for pk in list(untold[:100]))
    _end_again(running(list(given_up)), at)
    due = Closing.objects.due(at).order_by("due_at").values_list("pk", flat=True)
    done += sum(_close(pk, at) for pk in for_a_while(due[:20]))
    closing = [pk for pk, status in given_up.items() if status == Status.CLOSING]
    # Looked at before: a transaction in every round would keep SQLite's other writers waiting.
    return done + sum(_retire(pk, at) for pk in closing if not running([pk]).exists())


def _end_again(rows: QuerySet[Subscription], at: datetime) -> None:
    """Whose end was taken back at Stripe, as far as we know: not while it will be asked for."""
    waiting = DirtyObject.objects.filter(due_at__isnull=False).values("stripe_id")
    going_on = rows.filter(cancel_at=None).exclude(stripe_id__in=waiting)
    done = Closing.objects.filter(subscription__in=going_on, due_at=None, last_error="")
    again = list(done.values_list("pk", flat=True))
    if again:
        Closing.objects.filter(pk__in=again, due_at=None).update(due_at=at, attempts=0)


@transaction.atomic
def _announce(subscription_id: int, at: datetime) -> bool:
    Subscription.objects.select_for_update().get(pk=subscription_id)
    rows = Subscription.objects.select_related("license", "price__tier__product")
    row = rows.get(pk=subscription_id)
    _, is_new = Closing.objects.get_or_create(
        subscription=row, defaults={"announced_at": at, "due_at": at}
    )
    if is_new:
        _mail(f"closing:{row.stripe_id}", row, row.customer_id)
    return is_new


def _close(closing_id: int, at: datetime) -> bool:
    claim = Closing.objects.claim(closing_id, at)
    if claim is None:
        return False
    row = Closing.objects.select_related("subscription").get(pk=closing_id).subscription
    note = ""
    try:
        stripe_api.release_schedule(row.stripe_id)
        stripe_api.set_cancel_at_period_end(row.stripe_id, is_canceled=True)
    except stripe_api.StripeObjectGone:
        note = "gone at Stripe; nothing to end"
        log.warning("%s is %s", row.stripe_id, note)
    except Exception as error:
        log.exception("%s could not be ended", row.stripe_id)
        claim.fail(error, timezone.now())
        return False
    with transaction.atomic():
        mark_dirty(DirtyObject.Kind.SUBSCRIPTION, row.stripe_id, at=timezone.now())
        return claim.update(due_at=None, last_error=note)


@transaction.atomic
def _retire(product_id: int, at: datetime) -> bool:
    if running([product_id]).exists():
        return False
    product = Product.objects.get(pk=product_id)
    waiting = Product.objects.filter(pk=product_id, status=Status.CLOSING)
    if not waiting.update(status=Status.RETIRED):
        return False
    text = f"The last subscription of {product} has ended; it is retired. Files stay installable."
    tell_owner(f"retired:{product_id}", text, at=at)
    return True


def _mail(key: str, row: License | Subscription, customer_id: int) -> None:
    to = people.addresses_of(customer_id)
    if to:
        queue_mail(key, template=TEMPLATE, to=to, context=mail_context(row))
