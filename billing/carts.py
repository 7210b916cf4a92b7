"""A cart is one press of "Buy": made, expired, completed."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.models import Cart, LicenseText, Price
from lib.sealing import derive, seal, unseal
from lib.tokens import TokenKind, digest_of, hint_of, mint_token
from licenses.models import Customer

COOKIE_PREFIX = "cart_"
COOKIE_SECONDS = 24 * 60 * 60  # as long as a checkout session lives
KEY_SHOWN_FOR = timedelta(minutes=15)


@dataclass(frozen=True)
class Click:
    """What the pricing page's form says. The nonce is new with each page that was drawn."""

    nonce: str
    price: Price
    quantity: int

    @property
    def text(self) -> str:
        return f"{self.nonce}:{self.price.lookup_key}:{self.quantity}"

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def first_key(self) -> str:
        """The key that this purchase will start with.

        It follows from the page's nonce (which only the buyer has; we keep a digest) and our
        secret, so that both requests of a double click carry the same key, and no table does.
        """
        return mint_token(TokenKind.INDEX, entropy=derive("first-key", self.text))


def open_cart(click: Click, *, customer: Customer | None, at: datetime, terms: str = "") -> Cart:
    """The cart of this click: made now, or by the other click of a double click.

    *terms*: the license text, in Markdown, that the page named.
    """
    key = click.first_key
    cart, _ = Cart.objects.get_or_create(
        click=click.fingerprint,
        defaults={
            "price": click.price,
            "quantity": click.quantity,
            "customer": customer,
            "terms": keep_terms(terms, at=at) if terms else None,
            "credential_digest": digest_of(key),
            "credential_hint": hint_of(key),
            "created_at": at,
        },
    )
    return cart


def keep_terms(text: str, *, at: datetime) -> LicenseText:
    """The version of this text; the same text is the same version for ever."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    row, _ = LicenseText.objects.get_or_create(digest=digest, defaults={"text": text, "since": at})
    return row


def complete_cart(cart_id: int) -> None:
    """Its subscription is here."""
    Cart.objects.filter(pk=cart_id).update(status=Cart.Status.COMPLETED)


def expire_cart(session_id: str) -> None:
    """Its checkout session was closed without a purchase; a completed cart stays so."""
    Cart.objects.filter(stripe_session_id=session_id, status=Cart.Status.OPEN).update(
        status=Cart.Status.EXPIRED
    )


def cookie_of(cart: Cart, key: str) -> tuple[str, str]:
    """Name and value of the cookie that proves the cart is this browser's, and holds its key."""
    return f"{COOKIE_PREFIX}{cart.public_id.hex}", seal(f"{cart.public_id}:{key}")


def key_in_cookies(cookies: dict[str, str], cart: Cart) -> str | None:
    """The key that this browser got with the cart; None if the cart is not this browser's."""
    sealed = cookies.get(f"{COOKIE_PREFIX}{cart.public_id.hex}", "")
    public_id, _, key = (unseal(sealed, max_age_s=COOKIE_SECONDS) or "").partition(":")
    is_its_key = public_id == str(cart.public_id) and digest_of(key) == cart.credential_digest
    return key if is_its_key else None


def note_key_shown(cart: Cart, at: datetime) -> bool:
    """Whether the key may be shown now: for 15 minutes from the first time it was."""
    Cart.objects.filter(pk=cart.pk, key_first_shown_at__isnull=True).update(key_first_shown_at=at)
    cart.refresh_from_db(fields=["key_first_shown_at"])
    first = cart.key_first_shown_at
    return first is not None and at < first + KEY_SHOWN_FOR
