"""The owner's view of customers, catalog, licenses and credentials.

What the machine writes is read-only here; what may be done to it are actions, and each calls the
function that everybody else calls.
"""

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from lib.admin import ReadOnlyAdmin
from licenses import (
    credentials_admin,  # noqa: F401  registers its page
    people,
    status,
)
from licenses.admin_parts import LinksToCustomer, ReadOnlyInline, TellsOfChanges, link
from licenses.gifts_admin import GIVEN, GivesLicenses
from licenses.issuing import LicenseRevoked
from licenses.models import (
    Contact,
    Credential,
    Customer,
    License,
    LicenseEvent,
    Product,
    Tier,
    User,
    normalize_email,
)


class ContactForm(forms.ModelForm):
    def clean_email(self) -> str:
        email = normalize_email(self.cleaned_data["email"])
        if self.instance.pk and email != self.instance.email:
            raise forms.ValidationError(
                "This is what the person signs in with: delete the contact and add another."
            )
        return email


class ContactInline(admin.StackedInline):
    model = Contact
    form = ContactForm
    fields = [("email", "role")]
    extra = 0


class LicenseInline(ReadOnlyInline):
    model = License
    fields = ["tier", "kind", "status", "threads", "paid_through", "source"]
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[License]:
        return super().get_queryset(request).select_related("tier__product")


class CredentialInline(ReadOnlyInline):
    model = Credential
    fields = ["name", "hint", "created_at", "expires_at", "revoked_at", "last_used_at"]
    show_change_link = True


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    list_display = ["__str__", "contact_emails", "created_at"]
    search_fields = ["name", "contacts__email", "licenses__source"]
    fields = ["name", "created_at"]
    readonly_fields = ["created_at"]
    date_hierarchy = "created_at"
    inlines = [ContactInline, LicenseInline, CredentialInline]

    def view_on_site(self, customer: Customer) -> str:
        """His account, to look at; the page belongs to an app above this one."""
        return f"/{settings.ADMIN_PATH}/customers/{customer.pk}/view/"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        return super().get_queryset(request).prefetch_related("contacts")

    @admin.display(description="contacts")
    def contact_emails(self, customer: Customer) -> str:
        return ", ".join(contact.email for contact in customer.contacts.all())

    def save_formset(
        self,
        request: HttpRequest,
        form: forms.ModelForm,
        formset: forms.BaseModelFormSet,
        change: bool,  # noqa: FBT001
    ) -> None:
        """A contact that is added also gets the user he signs in as."""
        for contact in formset.save(commit=False):
            if contact.pk is None:
                role = Contact.Role(contact.role)
                people.add_contact(form.instance.pk, email=contact.email, role=role)
            else:
                contact.save(update_fields=["role"])
        for contact in formset.deleted_objects:
            contact.delete()


@admin.register(Contact)
class ContactAdmin(LinksToCustomer):
    list_display = ["email", "role", "customer_link"]
    list_filter = ["role"]
    list_select_related = ["customer"]
    search_fields = ["email", "customer__name"]
    fields = ["email", "role", "customer_link", "user"]


class TierForm(forms.ModelForm):
    def clean_features(self) -> list[str]:
        features = self.cleaned_data["features"]
        if not isinstance(features, list) or not all(isinstance(name, str) for name in features):
            raise forms.ValidationError('A list of names is wanted, e.g. ["batches"].')
        return features


class TierInline(admin.StackedInline):
    model = Tier
    fields = [("name", "slug"), ("rank", "threads_per_unit", "tickets_per_quarter")]
    extra = 0
    show_change_link = True


class ProductForm(forms.ModelForm):
    """A draft, or on sale. Giving a product up is more than a word: that is done on Catalog."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if status := self.fields.get("status"):
            chosen = [Product.Status.DRAFT, Product.Status.ON_SALE]
            status.choices = [(one.value, one.label) for one in chosen]  # type: ignore[attr-defined]
            status.initial = None if self.instance.pk else Product.Status.DRAFT


@admin.register(Product)
class ProductAdmin(TellsOfChanges):
    form = ProductForm
    fields = ["name", "slug", "summary", "status"]
    list_display = ["name", "slug", "status", "summary"]
    search_fields = ["name", "slug"]
    inlines = [TierInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Product | None = None) -> list[str]:
        return ["status"] if obj is not None and obj.status in Product.GIVEN_UP else []


@admin.register(Tier)
class TierAdmin(TellsOfChanges):
    form = TierForm
    list_display = ["__str__", "slug", "rank", "threads_per_unit", "tickets_per_quarter"]
    list_filter = ["product"]
    list_select_related = ["product"]
    search_fields = ["name", "slug", "product__name"]


class LicenseEventInline(ReadOnlyInline):
    model = LicenseEvent
    fields = ["at", "name", "reason"]


class ReasonForm(ActionForm):
    reason = forms.CharField(required=False, max_length=200)


Move = Callable[..., License]


@admin.register(License)
class LicenseAdmin(GivesLicenses, LinksToCustomer):
    list_display = ["source", "customer_link", "tier", "status", "threads", "paid_through"]
    list_filter = ["status", "kind", "tier__product"]
    list_select_related = ["customer", "tier__product"]
    search_fields = ["source", "customer__name", "customer__contacts__email"]
    search_help_text = "source, customer, or a contact's e-mail address"
    date_hierarchy = "created_at"
    fields = [
        "customer_link",
        ("tier", "kind", "threads"),
        ("status", "paid_through", "updates_until"),
        ("source", "rev", "created_at"),
    ]
    inlines = [LicenseEventInline]
    action_form = ReasonForm
    actions = ["revoke", "lapse", "reinstate"]

    def has_move_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("licenses.change_license")

    @admin.action(description="Revoke for good (needs a reason)", permissions=["move"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[License]) -> None:
        self._move(request, queryset, status.revoke_license)

    @admin.action(description="Let lapse (needs a reason)", permissions=["move"])
    def lapse(self, request: HttpRequest, queryset: QuerySet[License]) -> None:
        self._move(request, queryset, status.lapse_license)

    @admin.action(description="Reinstate (needs a reason)", permissions=["move"])
    def reinstate(self, request: HttpRequest, queryset: QuerySet[License]) -> None:
        self._move(request, queryset, status.reinstate_license)

    def _move(self, request: HttpRequest, queryset: QuerySet[License], move: Move) -> None:
        reason = request.POST.get("reason", "").strip()[:200]
        if not reason:
            self.message_user(request, "Say why: fill in the reason.", messages.ERROR)
            return
        for license in queryset.select_related("tier__product"):
            try:
                moved = move(license.pk, at=timezone.now(), reason=reason)
            except LicenseRevoked:
                text = f"{license} was revoked and stays so."
                self.message_user(request, text, messages.ERROR)
                continue
            self.log_change(request, license, f"{moved.status}: {reason}")
            self.message_user(request, f"{license} is {moved.status}.{_told_of_end(moved)}")


def _told_of_end(license: License) -> str:
    """A gift ends by its date, whatever it was moved to (licenses.gift_ends)."""
    is_over = license.kind in GIVEN and license.paid_through <= timezone.now()
    if not (license.is_active and is_over):
        return ""
    return (
        " Its time is over: it ends again, tonight or two weeks after its holder is told of it; "
        "give a new one instead."
    )


@admin.register(LicenseEvent)
class LicenseEventAdmin(ReadOnlyAdmin):
    list_display = ["at", "license_link", "name", "reason"]
    list_filter = ["name"]
    list_select_related = ["license__tier__product"]
    search_fields = ["license__source", "license__customer__name", "reason"]
    date_hierarchy = "at"
    fields = ["at", "license_link", "name", "reason"]

    @admin.display(description="license", ordering="license__source")
    def license_link(self, event: LicenseEvent) -> SafeString:
        return link("license", event.license_id, str(event.license))


class UserForm(forms.ModelForm):
    def clean_email(self) -> str:
        return normalize_email(self.cleaned_data["email"])


@admin.register(User)
class UserAdmin(admin.ModelAdmin):
    form = UserForm
    list_display = ["email", "is_staff", "is_active", "date_joined", "last_login"]
    list_filter = ["is_staff", "is_active"]
    search_fields = ["email"]
    fields = ["email", "is_staff", "is_active", "is_superuser", "date_joined", "last_login"]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        """The address of somebody who is there stays: contacts carry it too."""
        written_by_us = ["is_superuser", "date_joined", "last_login"]
        return written_by_us if obj is None else ["email", *written_by_us]

    def save_model(
        self,
        request: HttpRequest,
        obj: User,
        form: forms.ModelForm,
        change: bool,  # noqa: FBT001
    ) -> None:
        if not change:
            obj.set_unusable_password()  # people sign in by a mailed code
        super().save_model(request, obj, form, change)
