"""What the pages of this app's admin share."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from lib.admin import ReadOnlyAdmin
from licenses.generation import raise_generation
from licenses.issuing import supersede_documents
from licenses.models import Contact, Credential, License, Tier

IN_DOCUMENTS = {"features", "slug", "product"}


class ReadOnlyInline(admin.TabularInline):
    """Rows to look at, where there can be some. What is edited is stacked: a cell has no label."""

    template = "admin/edit_inline/read_only.html"
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class LinksToCustomer(ReadOnlyAdmin):
    """A read-only list whose rows link to their customer."""

    @admin.display(description="customer", ordering="customer__name")
    def customer_link(self, row: Contact | License | Credential) -> SafeString:
        return link("customer", row.customer_id, str(row.customer))


class TellsOfChanges(admin.ModelAdmin):
    """A product or a tier. Its names stand in sentences that the index keeps, and its features in
    documents that customers have: both hear of changes.
    """

    def save_related(
        self,
        request: HttpRequest,
        form: ModelForm,
        formsets: list[BaseModelFormSet],
        change: bool,  # noqa: FBT001  Django's signature
    ) -> None:
        super().save_related(request, form, formsets, change)
        forms = [form, *(one for formset in formsets for one in formset.forms)]
        if change and any(IN_DOCUMENTS & set(one.changed_data) for one in forms):
            field = "tier" if isinstance(form.instance, Tier) else "tier__product"
            supersede_documents(License.objects.filter(**{field: form.instance}))

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> LogEntry:
        raise_generation()
        return super().log_change(request, obj, message)


def link(model: str, pk: int, text: str) -> SafeString:
    url = reverse(f"admin:licenses_{model}_change", args=[pk])
    return format_html('<a href="{}">{}</a>', url, text)
