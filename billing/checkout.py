"""From a press of "Buy" to Stripe's page, and back to what was bought."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from billing import carts, stripe_api
from billing.carts import Click
from billing.catalog import withdraw_if_archived
from billing.customers import ensure_stripe_customer
from billing.models import Cart, Dispute, GuaranteeRefund, InvoiceContract, Subscription
from billing.open_pages import AlreadyBought, close_cart
from billing.remote import RemoteCheckoutSession
from billing.sync import sync_subscription_now
from billing.verdict import ENDED
from licenses.models import Customer, License

SUCCESS_URL = "{base}/welcome/?session_id={{CHECKOUT_SESSION_ID}}"
CANCEL_URL = "{base}/pricing/"
# Stripe forgets idempotency keys and closes sessions after 24 h.
CART_LIVES = timedelta(hours=23)


class AlreadyLicensed(Exception):
    """The signed-in buyer has a live license of this product; he changes it on his account."""


class NoMoreSales(Exception):
    """A payment of this customer was lost to a dispute: the machine sells him nothing more."""


class NotForSale(Exception):
    """Stripe sells this price no more; it is off the pricing page, and the owner knows."""


class CartIsStale(Exception):
    """The page that the click came from is too old; draw it anew and let him choose again."""


def start_checkout(
    click: Click,
    *,
    customer: Customer | None,
    earlier: Iterable[Cart],
    at: datetime,
    terms: str = "",
) -> tuple[Cart, str]:
    """The cart of this click, and the URL of Stripe's page to send the buyer to.

    A double click gives the same page twice. *earlier* are open carts of the same buyer: their
    pages are closed, so that only one purchase can come of it all. *terms*: the license text.
    Raises AlreadyBought, AlreadyLicensed, NoMoreSales, NotForSale, CartIsStale, and stripe_api's
    errors.
    """
    if customer is not None and has_lost_dispute(customer):
        raise NoMoreSales
    if customer is not None and has_live_license(customer, click):
        raise AlreadyLicensed(click.price.tier.product.name)
    cart = carts.open_cart(click, customer=customer, at=at, terms=terms)
    _refuse_unless_open(cart, at)
    for other in earlier:
        if other.pk != cart.pk:
            close_cart(other)
    if cart.stripe_session_id:
        return cart, _url_of_open_session(cart)
    return cart, _open_session(cart)


def has_live_license(customer: Customer, click: Click) -> bool:
    """Or one that begins when the invoice for it is paid."""
    product = click.price.tier.product
    live = {License.Status.ACTIVE, License.Status.SUSPENDED}
    mine = customer.licenses.filter(tier__product=product, status__in=live)
    contracts = InvoiceContract.objects.filter(customer=customer, price__tier__product=product)
    return (
        mine.filter(source__startswith="stripe:").exists()
        or contracts.filter(subscription=None).exists()
        or contracts.filter(subscription__isnull=False)
        .exclude(subscription__status__in=ENDED)
        .exists()
    )


def has_lost_dispute(customer: Customer) -> bool:
    """Whether a bank took a payment of his back for good; not of one that we refunded first."""
    disputes = Dispute.objects.filter(payment__subscription__customer=customer, status="lost")
    return disputes.exists()


def close_carts(customer: Customer) -> None:
    """Close every checkout page that he has open, so that nothing more is bought.

    Raises AlreadyBought if one was paid that we had not heard of; its purchase is fetched.
    """
    open_ones = Cart.objects.filter(customer=customer, status=Cart.Status.OPEN)
    for cart in open_ones:
        try:
            close_cart(cart)
        except AlreadyBought:
            if not Subscription.objects.filter(cart=cart).exists():  # else it was given back
                find_purchase(cart)
                raise


def find_purchase(cart: Cart) -> Subscription | None:
    """What came of the cart; None while it is not paid or a worker has it in hand.

    Runs the same sync as the worker, so the buyer waits for no webhook.
    """
    bought = _purchase_of(cart)
    if bought is not None or cart.stripe_session_id is None:
        return bought
    session = stripe_api.retrieve_checkout_session(cart.stripe_session_id)
    if session.subscription_id:
        sync_subscription_now(session.subscription_id)
    return _purchase_of(cart)


def is_given_back(cart: Cart) -> bool:
    """Whether the cart was paid while its buyer had a subscription of the product already."""
    return GuaranteeRefund.objects.filter(
        subscription__cart=cart, cause=GuaranteeRefund.Cause.DUPLICATE
    ).exists()


def _purchase_of(cart: Cart) -> Subscription | None:
    bought = Subscription.objects.filter(cart=cart, license__isnull=False)
    return bought.select_related("license__tier__product", "customer").first()


def _refuse_unless_open(cart: Cart, at: datetime) -> None:
    if cart.status == Cart.Status.COMPLETED:
        raise AlreadyBought(cart)
    if cart.status == Cart.Status.EXPIRED or cart.created_at + CART_LIVES < at:
        raise CartIsStale


def _url_of_open_session(cart: Cart) -> str:
    assert cart.stripe_session_id is not None
    session = stripe_api.retrieve_checkout_session(cart.stripe_session_id)
    if session.status == "complete":
        raise AlreadyBought(cart)
    if session.status != "open":
        raise CartIsStale
    return session.url


def _open_session(cart: Cart) -> str:
    """Safe to repeat and to kill: the idempotency key is the cart's."""
    try:
        session = _create_session(cart)
    except stripe_api.StripeRefused as error:
        if withdraw_if_archived(cart.price, at=timezone.now()):
            raise NotForSale(str(cart.price.tier)) from error
        raise
    Cart.objects.filter(pk=cart.pk).update(stripe_session_id=session.stripe_id)
    cart.stripe_session_id = session.stripe_id
    return session.url


def _create_session(cart: Cart) -> RemoteCheckoutSession:
    return stripe_api.create_checkout_session(
        price_id=cart.price.stripe_id,
        quantity=cart.quantity,
        max_quantity=cart.price.max_quantity,
        client_reference_id=str(cart.public_id),
        customer_id=ensure_stripe_customer(cart.customer) if cart.customer else "",
        success_url=SUCCESS_URL.format(base=settings.BASE_URL),
        cancel_url=CANCEL_URL.format(base=settings.BASE_URL),
        idempotency_key=f"checkout-{cart.public_id}",
    )
