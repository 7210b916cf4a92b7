"""The page that adds a license: a gift. Whatever is paid for comes by itself."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from licenses.gifts import MAX_DAYS, MAX_THREADS, Gift, GiftRefused, check_gift, give, source_of
from licenses.issuing import Grant
from licenses.models import Customer, License, normalize_email

# What ends by its date (licenses.gift_ends); the form asks for days.
GIVEN = (License.Kind.COMPLIMENTARY, License.Kind.EVALUATION)
WRITTEN = ["customer", "email", "name", "tier", "kind", "days", "threads"]


class GiftForm(forms.ModelForm):
    """To a customer who is known, or to a new one by name and address."""

    customer = forms.ModelChoiceField(
        Customer.objects.filter(closed_at=None), required=False, help_text="or, of somebody new:"
    )
    email = forms.EmailField(required=False, help_text="of the person who signs in; he is mailed")
    name = forms.CharField(required=False, max_length=200, help_text="the organization")
    kind = forms.ChoiceField(choices=[(one.value, one.label) for one in GIVEN])
    days = forms.IntegerField(min_value=1, max_value=MAX_DAYS, initial=365)
    threads = forms.IntegerField(
        min_value=1,
        max_value=MAX_THREADS,
        required=False,
        help_text="empty: one unit of the tier, or no limit",
    )

    class Meta:
        model = License
        fields = ("customer", "tier", "kind", "threads")

    def clean(self) -> dict[str, Any]:
        fields = self.cleaned_data
        somebody_new = bool(fields.get("email") and fields.get("name", "").strip())
        if bool(fields.get("customer")) == somebody_new and "email" not in self.errors:
            raise forms.ValidationError("Say a customer, or the name and address of somebody new.")
        if not self.errors:
            try:
                self.gift()
            except GiftRefused as refused:
                raise forms.ValidationError(f"{refused}.") from refused
        return fields

    def _post_clean(self) -> None:
        """The row is made by licenses.gifts, so that there is nothing of it to check here."""

    def gift(self) -> Gift:
        """What is asked for. Raises GiftRefused, also if it was given before."""
        fields = self.cleaned_data
        tier, customer, email = fields["tier"], fields["customer"], normalize_email(fields["email"])
        threads = fields["threads"] or tier.threads_for(1)
        until = timezone.now() + timedelta(days=fields["days"])
        grant = Grant(tier.pk, fields["kind"], threads, until)
        gift = Gift(
            source=source_of(grant, email=email, customer=customer),
            grant=grant,
            email=email,
            name=fields["name"].strip(),
            customer=customer,
        )
        if check_gift(gift):
            raise GiftRefused("This gift was made before; nothing was changed")
        return gift


class GivesLicenses(admin.ModelAdmin):
    """Adding a license gives one away; the form is not the row's, and the gift writes itself."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What is refused after the form was checked was given meanwhile, by another press."""
        try:
            return super().add_view(request, form_url, extra_context)
        except GiftRefused as refused:  # nothing of it was kept
            self.message_user(request, f"{refused}.", messages.ERROR)
            return redirect(request.path)

    def get_form(
        self,
        request: HttpRequest,
        obj: License | None = None,
        change: bool = False,  # noqa: FBT001, FBT002
        **kwargs: Any,
    ) -> Any:
        return super().get_form(request, obj, change, **kwargs) if obj else GiftForm

    def get_fields(self, request: HttpRequest, obj: License | None = None) -> Any:
        return super().get_fields(request, obj) if obj else WRITTEN

    def get_readonly_fields(self, request: HttpRequest, obj: License | None = None) -> Any:
        return super().get_readonly_fields(request, obj) if obj else []

    def get_inlines(self, request: HttpRequest, obj: License | None) -> Any:
        return super().get_inlines(request, obj) if obj else []

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> License:  # noqa: FBT001
        license, _ = give(form.gift(), at=timezone.now())
        return license

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        """It is written already."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001
        """So is what hangs on it."""
