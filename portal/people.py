"""The people of a customer, as its owner sees to them, and ownership as it changes hands."""

from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from licenses import contacts
from licenses.models import Contact, Customer
from portal.limits import may_again
from portal.visitors import customer_of, is_owner, owned_customer, visitor_of

Role = Contact.Role
INVITATIONS = 30  # a day: each is a mail to whatever address is typed


class ContactForm(forms.Form):
    email = forms.EmailField(label="E-mail address", max_length=254)
    role = forms.ChoiceField(choices=[(Role.TECHNICAL, "technical"), (Role.BILLING, "billing")])


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def people(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Who they are; the owner adds one."""
    if request.method == "POST":
        return _add(request, owned_customer(request, customer_id))
    customer = customer_of(request, customer_id)
    return _show(request, customer, ContactForm())


def _show(request: HttpRequest, customer: Customer, form: ContactForm) -> HttpResponse:
    context = {
        "customer": customer,
        "people": customer.contacts.order_by("pk"),
        "is_owner": is_owner(request, customer),
        "form": form,
    }
    return render(request, "portal/people.html", context, status=422 if form.errors else 200)


def _add(request: HttpRequest, customer: Customer) -> HttpResponse:
    form = ContactForm(request.POST)
    if not form.is_valid():
        return _show(request, customer, form)
    if not may_again(f"people:{customer.pk}", most=INVITATIONS, seconds=24 * 3600):
        messages.warning(request, "That were many people for one day. Please go on tomorrow.")
        return redirect("portal:people", customer.pk)
    email, role = form.cleaned_data["email"], Role(form.cleaned_data["role"])
    try:
        contacts.invite_contact(customer.pk, email=email, role=role, by=visitor_of(request).email)
    except contacts.TooManyContacts:
        messages.warning(request, "You have 20 people, the most there can be. Remove one first.")
    else:
        messages.info(request, f"{email} may sign in to this account from now on.")
    return redirect("portal:people", customer.pk)


def _to_billing(request: HttpRequest, contact: Contact) -> str:
    contacts.change_role(contact.pk, Role.BILLING)
    return f"{contact} is a billing contact."


def _to_technical(request: HttpRequest, contact: Contact) -> str:
    contacts.change_role(contact.pk, Role.TECHNICAL)
    return f"{contact} is a technical contact."


def _remove(request: HttpRequest, contact: Contact) -> str:
    contacts.remove_contact(contact.pk)
    return f"{contact} does not see this account any more."


def _offer(request: HttpRequest, contact: Contact) -> str:
    contacts.offer_ownership(contact.pk, by=visitor_of(request).email, at=timezone.now())
    return f"Offered. Nothing changes until {contact} takes it."


def _withdraw(request: HttpRequest, contact: Contact) -> str:
    contacts.withdraw_offer(contact.pk)
    return "The offer does not stand any more."


def _accept(request: HttpRequest, contact: Contact) -> str:
    contacts.accept_ownership(contact.pk, at=timezone.now())
    return "The account is yours."


Act = Callable[[HttpRequest, Contact], str]
OWNERS_ACTS: dict[str, Act] = {
    "billing": _to_billing,
    "technical": _to_technical,
    "remove": _remove,
    "offer": _offer,
    "withdraw": _withdraw,
}
# What the person who was offered the account does himself.
OFFERED_ACTS: dict[str, Act] = {"accept": _accept, "decline": _withdraw}


@require_POST
@login_required
@never_cache
def person(request: HttpRequest, customer_id: int, contact_id: int) -> HttpResponse:
    """One act about one person; who may do it depends on the act."""
    customer = customer_of(request, customer_id)
    contact = get_object_or_404(customer.contacts, pk=contact_id)
    act = _act_of(request, customer, contact)
    try:
        messages.info(request, act(request, contact))
    except contacts.LastOwner:
        messages.warning(request, "Somebody must own the account: offer it to another first.")
    except contacts.NoOffer:
        messages.warning(request, "The offer does not stand any more.")
    return redirect("portal:people", customer.pk)


def _act_of(request: HttpRequest, customer: Customer, contact: Contact) -> Act:
    name = request.POST.get("act", "")
    if name in OFFERED_ACTS and contact.user_id == visitor_of(request).pk:
        return OFFERED_ACTS[name]
    if name in OWNERS_ACTS and is_owner(request, customer):
        return OWNERS_ACTS[name]
    raise PermissionDenied
