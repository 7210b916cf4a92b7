"""What is wrong with a key, and who has our account? Asked by anybody, answered to the account.

Whoever asks is told nothing, and our answer takes as long for a key that exists as for one that
does not: the page only writes down the question, and the worker mails the customer's people.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from billing.models import Subscription
from lib.tokens import digest_of, hint_of
from licenses.credentials import explain_credential
from licenses.models import Contact, Credential, Customer, Diagnosis, License, normalize_email
from outbox.mail import queue_mail
from portal.statements import state_sentence
from support.addresses import FREEMAIL

MOST_WAITING = 1000  # a flood is not written down
AT_ONCE = 50
HINT = 4


class DiagnoseForm(forms.Form):
    key = forms.CharField(
        max_length=200, required=False, label="The key, or its last four characters"
    )
    email = forms.EmailField(max_length=254, required=False, label="Your e-mail address at work")

    def clean(self) -> dict[str, Any]:
        fields: dict[str, Any] = self.cleaned_data
        key = fields.get("key", "").strip().lstrip("…")
        if not key and not fields.get("email"):
            raise forms.ValidationError("Type the key, or your address, or both.")
        if key and len(key) <= HINT and not fields.get("email"):
            raise forms.ValidationError("With four characters we need your address, too.")
        return {**fields, "key": key}


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def diagnose(request: HttpRequest) -> HttpResponse:
    form = DiagnoseForm(request.POST if request.method == "POST" else None)
    is_asked = request.method == "POST" and form.is_valid()
    if is_asked:
        ask(form.cleaned_data["key"], form.cleaned_data.get("email") or "", at=timezone.now())
    status = 422 if form.errors else 200
    context = {"form": form, "is_asked": is_asked}
    return render(request, "portal/diagnose.html", context, status=status)


def ask(key: str, email: str, *, at: datetime) -> None:
    """Write the question down for the worker; of a key nothing but its digest."""
    if Diagnosis.objects.count() >= MOST_WAITING:
        return
    Diagnosis.objects.create(
        digest=digest_of(key) if len(key) > HINT else "",
        hint=hint_of(key) if key else "",
        email=normalize_email(email),
        asked_at=at,
        due_at=at,
    )


def answer_diagnoses(at: datetime) -> int:
    """Mail what is found to the people of the account; how many questions were answered."""
    due = Diagnosis.objects.due(at).order_by("pk").values_list("pk", flat=True)[:AT_ONCE]
    return sum(_answer(pk, at) for pk in list(due))


def _answer(pk: int, at: datetime) -> bool:
    """Mails and the end of the question are one transaction; killed before, it is done again."""
    claim = Diagnosis.objects.claim(pk, at)
    if claim is None:
        return False
    question = Diagnosis.objects.get(pk=pk)
    try:
        with transaction.atomic():
            for credential in _credentials(question):
                _mail_key(credential, question, at)
            for customer in _customers(question):
                _mail_account(customer, question, at)
            Diagnosis.objects.filter(pk=pk, fence=claim.fence).delete()
    except Exception as error:
        claim.fail(error, timezone.now())
        return False
    return True


def _credentials(question: Diagnosis) -> Iterable[Credential]:
    """The key of this digest; or those that end so, of a customer whose address was named."""
    found = Credential.objects.select_related("customer", "successor")
    if question.digest:
        return found.filter(digest=question.digest)
    if not question.hint:
        return []
    theirs = _contacts_like(question.email).values("customer_id")
    return found.filter(hint=question.hint, customer__in=theirs)


def _customers(question: Diagnosis) -> Iterable[Customer]:
    """Asked with an address alone: whoever has an account under its domain."""
    if question.digest or question.hint:
        return []
    theirs = _contacts_like(question.email).values("customer_id")
    return Customer.objects.filter(pk__in=theirs)


def _contacts_like(email: str) -> Any:
    """The person himself, or colleagues: the same domain, unless everybody may have one there."""
    domain = email.rpartition("@")[2]
    if domain in FREEMAIL:
        return Contact.objects.filter(email=email)
    return Contact.objects.filter(email__endswith=f"@{domain}")


def _mail_key(credential: Credential, question: Diagnosis, at: datetime) -> None:
    """Once a day for a key, whoever asks how often."""
    queue_mail(
        f"diagnosis:{credential.pk}:{at:%Y-%m-%d}",
        template="portal/diagnosis",
        to=_people(credential.customer),
        context={
            "key": credential,
            "wrong": explain_credential(credential, at),
            "states": _states(credential.customer),
            "email": question.email,
        },
    )


def _mail_account(customer: Customer, question: Diagnosis, at: datetime) -> None:
    queue_mail(
        f"find-account:{customer.pk}:{at:%Y-%m-%d}",
        template="portal/find_account",
        to=_people(customer),
        context={"customer": customer, "email": question.email},
    )


def _people(customer: Customer) -> list[str]:
    return [contact.email for contact in customer.contacts.order_by("pk")]


def _states(customer: Customer) -> list[str]:
    licenses = License.objects.filter(customer=customer).select_related("tier__product")
    related = Subscription.objects.filter(customer=customer).select_related(
        "price__tier__product", "stripe_price__price", "planned_price__tier__product"
    )
    paid_by = {one.license_id: one for one in related}
    return [state_sentence(license, paid_by.get(license.pk)) for license in licenses]
