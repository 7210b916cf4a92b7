"""The owner writes first: to a customer, in a ticket that counts nothing."""

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from licenses.models import Contact, normalize_email
from portal.desk_inbox import named_customer, row_number
from portal.owner_site import owners
from portal.tickets import TOO_MUCH, AnswerForm, read_files
from support.tickets import Requester, new_key, write_first


class WriteForm(AnswerForm):
    to = forms.EmailField(max_length=254)
    customer = forms.CharField(required=False, max_length=254)  # empty: the one whose address it is
    subject = forms.CharField(max_length=200)


@owners
@require_http_methods(["GET", "HEAD", "POST"])
def desk_write(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _show(request, _start(request.GET.get("customer", "")))
    form, files = WriteForm(request.POST), read_files(request)
    if files is None:
        form.add_error(None, TOO_MUCH)
    if not form.is_valid():
        return _show(request, form, status=422)
    given = form.cleaned_data
    try:
        customer = named_customer(given["customer"] or given["to"])
    except ValidationError as error:
        form.add_error("customer", error)
        return _show(request, form, status=422)
    assert customer is not None  # something was given
    ticket = write_first(
        customer.pk,
        requester=Requester(normalize_email(given["to"])),
        subject=given["subject"],
        body=given["body"],
        key=f"first:{given['key']}",
        at=timezone.now(),
        files=files or [],
    )
    messages.info(request, f"Sent as #{ticket.pk}.")
    return redirect("portal:desk_ticket", ticket.pk)


def _start(customer: str) -> WriteForm:
    """The form for the customer that the link names: to the first of his people."""
    people = Contact.objects.filter(customer_id=row_number(customer))
    first = people.order_by("pk").first()
    initial = {"customer": customer, "to": first.email if first else ""}
    return WriteForm(initial=initial)


def _show(request: HttpRequest, form: WriteForm, status: int = 200) -> HttpResponse:
    context = {"form": form, "key": new_key()}
    return render(request, "portal/ticket_write.html", context, status=status)
