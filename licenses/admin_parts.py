"""What the pages of this app's admin share."""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from lib.admin import ReadOnlyAdmin
from licenses.models import Contact, Credential, License


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


def link(model: str, pk: int, text: str) -> SafeString:
    url = reverse(f"admin:licenses_{model}_change", args=[pk])
    return format_html('<a href="{}">{}</a>', url, text)
