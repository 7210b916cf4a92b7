"""The owner's view of credentials: where each is used, and what was found out about it."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from licenses import credentials
from licenses.admin_parts import LinksToCustomer, ReadOnlyInline
from licenses.models import Credential, CredentialNetwork, LeakReport


class NetworkInline(ReadOnlyInline):
    model = CredentialNetwork
    fields = ["day", "network"]
    ordering = ["-day", "network"]
    verbose_name_plural = "used from"


class LeakInline(ReadOnlyInline):
    model = LeakReport
    fields = ["at", "url", "source"]


@admin.register(Credential)
class CredentialAdmin(LinksToCustomer):
    """Every field but the digest, which is nobody's business."""

    list_display = ["name", "hint", "customer_link", "created_at", "revoked_at", "last_used_at"]
    list_filter = ["kind", ("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["customer"]
    search_fields = ["name", "hint", "customer__name", "customer__contacts__email"]
    fields = [
        ("name", "hint", "kind"),
        "customer_link",
        ("created_at", "expires_at", "revoked_at"),
        ("products", "versions", "networks"),
        ("rotated_at", "successor", "revoked_for"),
        ("last_used_at", "last_client", "last_network"),
        "alarmed_on",
    ]
    inlines = [NetworkInline, LeakInline]
    actions = ["revoke"]

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("licenses.change_credential")

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Credential]) -> None:
        for credential in queryset:
            credentials.revoke_credential(credential.pk, at=timezone.now())
            self.log_change(request, credential, "revoked")
            self.message_user(request, f"{credential} is revoked.")
