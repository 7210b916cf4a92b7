"""A person changes the address he signs in with: the new one is proven by a code first."""

import hmac
from datetime import datetime

from allauth.account.models import EmailAddress
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.mail import send_mail
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.crypto import get_random_string, salted_hmac
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from licenses import email_change
from licenses.models import normalize_email
from portal.limits import may_again
from portal.visitors import visitor_of

CODE_SECONDS = 15 * 60
TRIES = 5
CODES = 5  # an hour: they go to an address that is not proven
LETTERS = "BCDFGHJKLMNPQRSTVWXZ23456789"  # nothing that looks like something else
SESSION_KEY = "new_address"


class AddressForm(forms.Form):
    email = forms.EmailField(label="New e-mail address", max_length=254)


class CodeForm(forms.Form):
    code = forms.CharField(
        max_length=20,
        label="Code",
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "characters"}
        ),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def address(request: HttpRequest) -> HttpResponse:
    """Type the new address; a code goes there."""
    form = AddressForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if visitor_of(request).is_staff:
            messages.warning(request, "The shop's owner has the address he was made with.")
        elif not may_again(f"address:{visitor_of(request).pk}", most=CODES, seconds=3600):
            messages.warning(request, "That were many codes. Please try again in an hour.")
        else:
            _send_code(request, normalize_email(form.cleaned_data["email"]))
            return redirect("portal:confirm_address")
    return render(request, "portal/address.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def confirm_address(request: HttpRequest) -> HttpResponse:
    """Type the code; from then on the new address signs in."""
    asked = request.session.get(SESSION_KEY)
    if asked is None or asked["until"] < timezone.now().timestamp():
        return redirect("portal:address")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if _is_right(request, form.cleaned_data["code"]):
            return _change(request, asked["email"])
        form.add_error("code", "Incorrect code.")
    return render(request, "portal/confirm_address.html", {"form": form, "email": asked["email"]})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def undo_address(request: HttpRequest, token: str) -> HttpResponse:
    """From the warning in the old mailbox; a scanner that opens the link changes nothing."""
    at = timezone.now()
    try:
        change = email_change.find_change(token, at)
        if request.method == "POST":
            _undo(change.pk, at)
            messages.info(request, f"{change.old} signs in again. Everybody was signed out.")
            return redirect("account_request_login_code")
    except email_change.TooLate:
        return render(request, "portal/address_kept.html", status=410)
    except email_change.AddressTaken:
        return render(request, "portal/address_kept.html", {"is_taken": True}, status=409)
    return render(request, "portal/undo_address.html", {"change": change})


def _send_code(request: HttpRequest, email: str) -> None:
    """Straight out, like a sign-in code: it is good for minutes, and in no table."""
    code = f"{get_random_string(4, LETTERS)}-{get_random_string(4, LETTERS)}"
    request.session[SESSION_KEY] = {
        "email": email,
        "digest": _digest(code),
        "tries": 0,
        "until": timezone.now().timestamp() + CODE_SECONDS,
    }
    shop = {"shop_name": settings.SHOP_NAME, "base_url": settings.BASE_URL, "code": code}
    body = render_to_string("portal/address_code.txt", shop, using="text")
    send_mail(f"Your code for {settings.SHOP_NAME}", body, None, [email])


def _is_right(request: HttpRequest, typed: str) -> bool:
    """Whether the code is the mailed one; after five wrong ones there is none any more."""
    asked = request.session[SESSION_KEY]
    asked["tries"] += 1
    if asked["tries"] > TRIES:
        del request.session[SESSION_KEY]
        return False
    request.session.modified = True
    return hmac.compare_digest(asked["digest"], _digest(typed))


def _digest(code: str) -> str:
    """Of the code as it was meant: hyphens, spaces and small letters do not matter."""
    bare = code.replace("-", "").replace(" ", "").upper()
    return salted_hmac("portal.address", bare, algorithm="sha256").hexdigest()


def _change(request: HttpRequest, email: str) -> HttpResponse:
    del request.session[SESSION_KEY]
    user = visitor_of(request)
    try:
        with transaction.atomic():
            email_change.change_email(user.pk, new=email, at=timezone.now())
            _forget_proofs(user.pk)
    except email_change.AddressTaken:
        messages.warning(request, f"{email} has an account of its own; sign in with it instead.")
    else:
        messages.info(request, f"You sign in with {email} from now on.")
    return redirect("portal:account")


@transaction.atomic
def _undo(change_id: int, at: datetime) -> None:
    user = email_change.undo_email_change(change_id, at=at)
    _forget_proofs(user.pk)


def _forget_proofs(user_id: int) -> None:
    """Rows of allauth would go on to open the door for the address that was left."""
    EmailAddress.objects.filter(user_id=user_id).delete()
