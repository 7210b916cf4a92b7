"""What customers hold, as their account shows it, in a fixed number of queries for all of them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, QuerySet

from billing.guarantee import WINDOW, NoGuarantee, refundable_until
from billing.models import LicenseText, Subscription
from lib.money import format_cents
from licenses.models import Contact, Credential, Customer, License, Product, User
from portal.statements import state_sentence

RUNNING = ("active", "trialing", "past_due")


@dataclass(frozen=True)
class Holding:
    """One license, the subscription that pays for it, and what may be done about it."""

    license: License | None  # None: not paid yet
    subscription: Subscription | None  # None: a gift
    sentence: str
    refundable_until: datetime | None = None

    @property
    def has_document(self) -> bool:
        allowed = {License.Status.ACTIVE, License.Status.LAPSED}
        return self.license is not None and self.license.status in allowed

    @property
    def leases_threads(self) -> bool:
        """Whether its tier is sold by threads, or this license counts them all the same."""
        license = self.license
        return license is not None and (
            license.threads is not None or license.tier.threads_per_unit is not None
        )

    @property
    def runs(self) -> bool:
        return self.subscription is not None and self.subscription.status in RUNNING

    @property
    def terms(self) -> LicenseText | None:
        """The license text that was agreed to, if it was bought here."""
        cart = self.subscription.cart if self.subscription is not None else None
        return cart.terms if cart is not None else None

    @property
    def may_buy_again(self) -> bool:
        """It has ended, and is still sold."""
        license = self.license
        if license is None or license.status != License.Status.LAPSED:
            return False
        return license.tier.product.status == Product.Status.ON_SALE

    @property
    def may_resume(self) -> bool:
        """Whether a cancellation can be taken back: not of a product that is given up."""
        if self.subscription is None or self.subscription.cancel_at is None:
            return False
        product = self.subscription.price.tier.product
        return self.runs and product.status not in product.GIVEN_UP

    @property
    def may_change(self) -> bool:
        """By his own hand; whoever pays by invoice has a contract instead."""
        return self.subscription is not None and self.runs and not self.subscription.is_by_invoice


@dataclass(frozen=True)
class AccountCard:
    """A customer's part of the account page."""

    customer: Customer
    holdings: tuple[Holding, ...]
    keys: tuple[Credential, ...]  # that open a door
    ended_keys: tuple[Credential, ...]
    contacts: tuple[Contact, ...]
    is_owner: bool  # whether the visitor is, of this customer

    @property
    def newest_license(self) -> License | None:
        """What the install commands are for: of the active licenses the one paid longest."""
        held = [one.license for one in self.holdings if one.license is not None]
        return max(held, key=lambda one: (one.is_active, one.paid_through), default=None)


def account_cards(
    customers: QuerySet[Customer], viewer: User | None, at: datetime
) -> list[AccountCard]:
    """A card for each customer. *viewer* None: the shop's owner looks, who may do nothing."""
    licenses = Prefetch("licenses", License.objects.select_related("tier__product"))
    found = list(
        customers.prefetch_related(licenses, "credentials", "contacts").order_by("created_at", "pk")
    )
    subscriptions = _subscriptions_of(found)
    return [_card(customer, subscriptions[customer.pk], viewer, at) for customer in found]


def holding_of(subscription: Subscription, at: datetime) -> Holding:
    """The holding of one subscription (with its license and tiers), for a page about it alone."""
    license = subscription.license
    if license is None:
        sentence = f"{subscription.price.tier} is not paid yet."
    else:
        sentence = state_sentence(license, subscription)
    return Holding(license, subscription, sentence, _last_moment(subscription, at))


def total_of(subscription: Subscription) -> str:
    return format_cents(subscription.total_cents, subscription.price.currency)


def _subscriptions_of(customers: Sequence[Customer]) -> dict[int, list[Subscription]]:
    rows = Subscription.objects.filter(customer__in=customers).select_related(
        "price__tier__product",
        "stripe_price__price",
        "planned_price__tier__product",
        "license__tier__product",
        "cart__terms",
        "guarantee",
    )
    found: dict[int, list[Subscription]] = defaultdict(list)
    for row in rows.prefetch_related("payments").order_by("-created_at", "-pk"):
        found[row.customer_id].append(row)
    return found


def _card(
    customer: Customer, subscriptions: list[Subscription], viewer: User | None, at: datetime
) -> AccountCard:
    keys = sorted(customer.credentials.all(), key=lambda one: (one.created_at, one.pk))
    live = [one for one in keys if one.is_usable(at)]
    contacts = tuple(sorted(customer.contacts.all(), key=lambda one: one.pk))
    return AccountCard(
        customer=customer,
        holdings=tuple(_holdings(customer, subscriptions, at)),
        keys=tuple(live),
        ended_keys=tuple(one for one in keys if one not in live),
        contacts=contacts,
        is_owner=viewer is not None and _is_owner(contacts, viewer),
    )


def _is_owner(contacts: Sequence[Contact], viewer: User) -> bool:
    return any(one.user_id == viewer.pk and one.role == Contact.Role.OWNER for one in contacts)


def _holdings(customer: Customer, subscriptions: list[Subscription], at: datetime) -> list[Holding]:
    """What runs first; gifts and what ended after it."""
    paid = {one.license_id for one in subscriptions}
    waiting = [one for one in subscriptions if one.license is not None or one.pay_url]
    gifts = [one for one in customer.licenses.all() if one.pk not in paid]
    found = [holding_of(one, at) for one in waiting]
    found += [Holding(one, None, state_sentence(one, None)) for one in gifts]
    return sorted(found, key=lambda one: not (one.license is not None and one.license.is_active))


def _last_moment(subscription: Subscription, at: datetime) -> datetime | None:
    """Until when the guarantee's button is there; asks the database only in the first 14 days."""
    if subscription.created_at + 2 * WINDOW < at:
        return None  # the first payment comes within a day of it
    try:
        until = refundable_until(subscription)
    except NoGuarantee:
        return None
    return until if at < until else None
