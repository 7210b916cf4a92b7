from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from lib.admin import ReadOnlyAdmin
from outbox.models import Mail


class ClaimableAdmin(ReadOnlyAdmin):
    """Rows that workers pick up: the owner may only let them be tried again."""

    actions = ["try_again"]

    @admin.action(description="Try again now (what waits or was given up)")
    def try_again(self, request: HttpRequest, queryset: QuerySet) -> None:
        number = queryset.model.objects.filter(pk__in=queryset.values("pk")).try_again(
            timezone.now()
        )
        messages.info(request, f"{number} will be tried again.")


@admin.register(Mail)
class MailAdmin(ClaimableAdmin):
    list_display = ["key", "to", "subject", "created_at", "sent_at", "attempts", "dead_at"]
    list_filter = ["sent_at", "dead_at"]
    search_fields = ["key", "subject", "to"]
