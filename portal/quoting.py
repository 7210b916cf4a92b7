"""A quote is a page to print: made from the pricing form, kept in its own address, no row.

The address is signed, so the figures in it are ours; it holds for 30 days.
"""

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django import forms
from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from billing.models import MAX_QUANTITY, Price
from lib.money import format_cents
from lib.times import from_unix
from portal.pages import price_choice
from portal.texts import render_text

HOLDS = timedelta(days=30)
SALT = "portal.quote"


class QuoteForm(forms.Form):
    """What the pricing page posts, and whom the quote is for."""

    price = forms.ModelChoiceField(
        Price.objects.on_sale().select_related("tier__product"),
        to_field_name="lookup_key",
    )
    quantity = forms.IntegerField(min_value=1, max_value=MAX_QUANTITY)
    company = forms.CharField(max_length=120, required=False)


@dataclass(frozen=True)
class Quote:
    """What was quoted; everything that its page says follows from it."""

    price: str  # lookup key
    what: str
    interval: str
    quantity: int
    threads: int | None
    total_cents: int
    currency: str
    company: str
    made: int  # Unix seconds

    @property
    def made_at(self) -> datetime:
        return from_unix(self.made)

    @property
    def holds_until(self) -> datetime:
        return self.made_at + HOLDS

    @property
    def total(self) -> str:
        return format_cents(self.total_cents, self.currency)

    @property
    def licensed(self) -> str:
        return "unlimited threads" if self.threads is None else f"{self.threads:,} threads"

    @property
    def unit(self) -> str:
        return format_cents(self.total_cents // self.quantity, self.currency)

    @property
    def number(self) -> str:
        digest = hashlib.sha256(repr(self).encode()).hexdigest()[:6].upper()
        return f"Q-{self.made_at:%Y%m%d}-{digest}"

    def sign(self) -> str:
        """The quote as a part of an address."""
        return signing.dumps(asdict(self), salt=SALT, compress=True)

    @classmethod
    def read(cls, token: str) -> "Quote | None":
        """The quote that was signed; None for anything else."""
        try:
            return cls(**signing.loads(token, salt=SALT))
        except (signing.BadSignature, TypeError):
            return None


@require_POST
def make_quote(request: HttpRequest) -> HttpResponse:
    form = QuoteForm(request.POST)
    if not form.is_valid():
        messages.warning(request, "Please choose a price and a quantity from 1 to 1,000.")
        return redirect("portal:pricing")
    price: Price = form.cleaned_data["price"]
    quantity = min(form.cleaned_data["quantity"], price.max_quantity)
    quote = Quote(
        price=price.lookup_key,
        what=str(price.tier),
        interval=price.interval,
        quantity=quantity,
        threads=price.tier.threads_for(quantity),
        total_cents=price.total_cents(quantity),
        currency=price.currency,
        company=form.cleaned_data["company"],
        made=int(timezone.now().timestamp()),
    )
    return redirect("portal:quote", quote.sign())


@require_safe
@never_cache  # its buy button has a nonce of its own
def quote(request: HttpRequest, token: str) -> HttpResponse:
    """The page to print; 410 when its 30 days are over, 404 when we did not make it."""
    quote = Quote.read(token)
    has_ended = quote is not None and timezone.now() >= quote.holds_until
    if quote is None or has_ended:
        return render(request, "portal/no_quote.html", status=410 if has_ended else 404)
    price = Price.objects.on_sale().filter(lookup_key=quote.price).first()
    still = price is not None and price.total_cents(quote.quantity) == quote.total_cents
    context = {
        "quote": quote,
        "seller": render_text("seller"),
        "choice": price_choice(price) if price is not None and still else None,
    }
    return render(request, "portal/quote.html", context)
